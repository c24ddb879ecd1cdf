"""Remedies from plan to undo on a real guest of a private libvirt: what they do, refuse and leave alone."""

from __future__ import annotations

import difflib
import errno
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.live.kvmedic_command import KVMEDIC, kvmedic_here

from kvmedic.adapters.libvirt_session import LibvirtSession
from kvmedic.adapters.libvirt_virsh_writes import call_virsh
from kvmedic.adapters.locks import locked
from kvmedic.adapters.release_actor import ReleaseActor
from kvmedic.errors import ActionError, ActionRefusedError, OutcomeUnknownError
from kvmedic.lab.domain_xml import GuestWish
from kvmedic.lab.guest import Guest, start_guest
from kvmedic.lab.libvirt_host import LibvirtHost
from kvmedic.model.page_map import StrandedRange
from kvmedic.model.plan import Plan
from kvmedic.model.run import Intent
from kvmedic.units import GIB, MIB
from kvmedic.wiring_act import page_map_request_for

pytestmark = pytest.mark.live

MEMORY_MIB, PUNCHED_MIB, HALF_INFLATED_TO_MIB, INFLATED_TO_MIB = 1024, 600, 890, 760
THP = Path("/sys/kernel/mm/transparent_hugepage")
SECRET = "s3cr-t8!"  # noqa: S105  (a test's own)
NOVA = "http://openstack.org/xmlns/libvirt/nova/1.1"


@pytest.fixture(scope="module")
def guest(libvirt_host: LibvirtHost) -> Iterator[Guest]:
    """One fragmented guest whose balloon took 134 MiB, and 130 MiB more after the first release."""
    wish = GuestWish(memory_mib=MEMORY_MIB, orders=(f"punch {PUNCHED_MIB}",))
    with start_guest(libvirt_host, "remedied", wish) as started:
        started.wait_until_ready(timeout_s=400)
        started.set_balloon(HALF_INFLATED_TO_MIB, timeout_s=400)
        yield started


class Operator:
    """Somebody who plans, applies and undoes on the private host; the records are his alone."""

    def __init__(self, host: LibvirtHost, guest: Guest, folder: Path) -> None:
        self.host, self.guest, self.folder = host, guest, folder
        self.plan_file = folder / "plan.json"

    def run(self, *words: str, timeout_s: float = 240) -> subprocess.CompletedProcess[str]:
        """One command."""
        return kvmedic_here(self.host, *words, timeout_s=timeout_s)

    def plan(self, remedy: str, *words: str) -> dict[str, Any]:
        """The plan of a remedy for the guest, as it was written."""
        done = self.run(
            "plan", "--remedy", remedy, "--domain", self.guest.name, *words, "-o", str(self.plan_file)
        )
        assert done.returncode == 0, done.stderr
        written: dict[str, Any] = json.loads(self.plan_file.read_text())
        return written

    def apply(self, *words: str, code: int = 0) -> str:
        """Carries the plan out; what it printed."""
        done = self.run("apply", str(self.plan_file), *words)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def cycle(self, remedy: str, *words: str) -> list[dict[str, Any]]:
        """Plan and apply, verified; the lines of the run."""
        self.plan(remedy, *words)
        self.apply()
        return self.lines()

    @property
    def run_name(self) -> str:
        """The newest run."""
        found = sorted((self.folder / "runs").glob("*.jsonl"), key=lambda path: path.stat().st_mtime)
        return found[-1].stem

    def lines(self) -> list[dict[str, Any]]:
        """The audit record of the newest run."""
        done = self.run("runs", self.run_name, "--json")
        records: dict[str, list[dict[str, Any]]] = json.loads(done.stdout)
        return records[self.run_name]

    def undo(self, code: int = 0) -> str:
        """Takes the newest run back."""
        done = self.run("undo", self.run_name)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def definition(self, *words: str) -> str:
        """The guest's inactive definition, secrets included."""
        return self.host.virsh("dumpxml", "--inactive", "--security-info", self.guest.name, *words)


@pytest.fixture
def operator(
    libvirt_host: LibvirtHost, guest: Guest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Operator:
    monkeypatch.setenv("KVMEDIC_STATE", str(tmp_path))
    return Operator(libvirt_host, guest, tmp_path)


def settled(guest: Guest, expected_mib: int) -> int:
    """``actual`` as domstats shows it, which QEMU tells once a second at most."""
    until = time.monotonic() + 5.0
    while (actual := guest.actual_bytes()) != expected_mib * MIB and time.monotonic() < until:
        time.sleep(0.2)
    return actual


@pytest.fixture
def inflated(guest: Guest) -> None:
    """The balloon as most tests find and leave it."""
    guest.set_balloon(INFLATED_TO_MIB)


def of_type(lines: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [line for line in lines if line["type"] == kind]


def wait_for_line(folder: Path, *marks: str, timeout_s: float = 120) -> None:
    """Until one line of the one run holds all ``marks``."""
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        for path in (folder / "runs").glob("*.jsonl"):
            if any(all(mark in line for mark in marks) for line in path.read_text().splitlines()):
                return
        time.sleep(0.01)
    raise AssertionError(f"no line with {marks}")


def test_a_second_operator_is_refused_and_told_who_is_at_work(operator: Operator) -> None:
    uuid = operator.plan("release-stranded-memory")["domains"][0]["uuid"]

    with locked([f"domain-{uuid}"], "ann, run run-7"):
        said = operator.apply(code=10)

    assert f"domain-{uuid} is being worked on by ann, run run-7; nothing was touched" in said


def test_a_plan_for_another_world_is_refused(operator: Operator) -> None:
    plan = operator.plan("release-stranded-memory")
    (host,), (domain,) = plan["hosts"], plan["domains"]
    another = "6a2cbe55-0000-4000-8000-000000000000"
    changes = {
        "the plan expired at 2020-01-01": (f'"{plan["expires_at"]}"', '"2020-01-01T00:00:00Z"'),
        "was booted since": (f'"{host["boot_id"]}"', '"another"'),
        "was started again since": (f'"start_ticks": {domain["start_ticks"]}', '"start_ticks": 1'),
        "is gone": (f'"{domain["uuid"]}"', f'"{another}"'),
    }

    text = json.dumps(plan)
    for said, (old, new) in changes.items():
        assert old in text
        operator.plan_file.write_text(text.replace(old, new))
        assert said in operator.apply(code=10)
        assert not of_type(operator.lines(), "intent")


def test_khugepaged_is_tuned_live_and_at_boot_and_untuned(operator: Operator) -> None:
    """Host-wide for a moment; the folder for the boot is the test's own, bound over the real one."""
    settings = {
        path: path.read_text().strip()
        for path in (THP / "khugepaged/max_ptes_none", THP / "shrink_underused")
    }
    for path, before in settings.items():
        operator.host.bed.ledger.note("setting", path=str(path), before=before, now="0")
    emitted = with_own_etc(operator, "plan", "--emit", "ansible", "--domain", operator.guest.name)
    planned = with_own_etc(
        operator,
        "plan",
        "--remedy",
        "tune-host",
        "--domain",
        operator.guest.name,
        "-o",
        str(operator.plan_file),
    )
    applied = with_own_etc(operator, "apply", str(operator.plan_file))
    during = {path: path.read_text().strip() for path in settings}
    kept = (operator.folder / "tmpfiles.d" / "kvmedic.conf").read_text()
    undone = with_own_etc(operator, "undo", operator.run_name)

    assert "w /sys/kernel/mm/transparent_hugepage/khugepaged/max_ptes_none - - - - 0" in emitted.stdout
    assert planned.returncode == 0, planned.stderr
    assert applied.returncode == 0, applied.stdout + applied.stderr
    assert set(during.values()) == {"0"}
    assert kept.splitlines()[-1].startswith("w /sys/kernel/mm/transparent_hugepage/khugepaged/max_ptes_none")
    assert undone.returncode == 0, undone.stdout + undone.stderr
    assert {path: path.read_text().strip() for path in settings} == settings
    assert not (operator.folder / "tmpfiles.d" / "kvmedic.conf").exists()


def with_own_etc(operator: Operator, *words: str) -> subprocess.CompletedProcess[str]:
    folder = operator.folder / "tmpfiles.d"
    folder.mkdir(exist_ok=True)
    script = 'mount --bind "$0" /etc/tmpfiles.d && exec "$@"'
    command = [*operator.host.command_prefix, "unshare", "-m", "sh", "-c", script, str(folder), str(KVMEDIC)]
    return subprocess.run([*command, *words], capture_output=True, text=True, check=False, timeout=240)


def charged_bytes(pid: int) -> int:
    """What the kernel charges to the memory cgroup of a process, read without kvmedic (version 1 or 2)."""
    rows = [line.split(":", 2) for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines()]
    for _, controllers, path in rows:
        if "memory" in controllers.split(","):
            return int(Path(f"/sys/fs/cgroup/memory{path}/memory.usage_in_bytes").read_text())
    folder = Path(f"/sys/fs/cgroup{rows[0][2]}")
    while not (folder / "memory.current").exists() or folder.name in ("emulator", "vcpu0"):
        folder = folder.parent
    return int((folder / "memory.current").read_text())


def test_a_release_that_is_killed_is_resumed_and_gives_back_what_was_forecast(operator: Operator) -> None:
    charged = charged_bytes(operator.guest.pid)
    forecast = operator.plan("release-stranded-memory")["option"]["forecast"]["freed_bytes"]["best"]
    command = [*operator.host.command_prefix, str(KVMEDIC), "apply", str(operator.plan_file)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for_line(operator.folder, '"type":"intent"')
    process.send_signal(signal.SIGKILL)
    process.wait()
    listed = operator.run("runs").stdout
    resumed = operator.run("apply", "--resume", operator.run_name)
    lines = operator.lines()
    verified = of_type(lines, "verified")[0]["verification"]

    assert re.search(rf"^{operator.run_name}  \S+  cut ", listed, re.MULTILINE)
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert len(of_type(lines, "intent")) == len(of_type(lines, "done")) == 1
    assert verified["helped"] == "improved"
    assert verified["measured_freed_bytes"] == pytest.approx(forecast, rel=0.10)
    assert charged - charged_bytes(operator.guest.pid) == pytest.approx(forecast, rel=0.10)
    assert of_type(lines, "done")[0]["after"]["stranded_bytes"] <= 0.01 * forecast + 4 * MIB
    kept = {row["name"]: row for row in verified["kept"]}
    assert kept["file cache of its group"]["is_kept"], kept
    for name in ("resident memory", "huge pages", "swap"):
        assert kept[name]["is_kept"], kept[name]
        assert abs(kept[name]["change_percent"]) <= 0.5, kept[name]
    assert "nothing to undo" in operator.undo(code=17) or "no step that can be undone" in operator.undo(
        code=17
    )
    assert "unbroken" in operator.run("runs", operator.run_name, "--verify").stdout


def test_a_release_costs_little_and_a_journal_that_was_edited_shows(operator: Operator, guest: Guest) -> None:
    guest.set_balloon(INFLATED_TO_MIB)
    lines = operator.cycle("release-stranded-memory")
    done, intent = of_type(lines, "done")[0]["after"], of_type(lines, "intent")[0]["before"]
    released = intent["stranded_bytes"] - done["stranded_bytes"]
    shown = operator.run("runs", operator.run_name).stdout
    path = operator.folder / "runs" / f"{operator.run_name}.jsonl"
    path.write_text(path.read_text().replace('"outcome":"done"', '"outcome":"already"', 1))
    checked = operator.run("runs", "--verify")

    assert released >= 0.99 * intent["stranded_bytes"] - 4 * MIB
    assert released > 64 * MIB
    assert done["cpu_seconds"] <= 0.3 * released / GIB + 0.02
    assert done["guest_waited_s"] >= 0
    assert "for CPUs meanwhile" in shown
    assert checked.returncode == 13
    assert "the journal was changed or cut" in checked.stderr


def no_such_call(_pidfd: int, _ranges: Sequence[StrandedRange]) -> int:
    raise OSError(errno.ENOSYS, "Function not implemented")


def test_without_process_madvise_its_own_group_gives_it_back_and_nothing_else(
    libvirt_host: LibvirtHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where cgroups are of version 1 that is memory.force_empty, on a host without swap."""
    monkeypatch.setenv("KVMEDIC_STATE", str(tmp_path))
    wish = GuestWish(memory_mib=640, orders=("punch 400",))
    with start_guest(libvirt_host, "emptied", wish) as lonely:
        lonely.wait_until_ready(timeout_s=400)
        lonely.set_balloon(480, timeout_s=400)
        operator = Operator(libvirt_host, lonely, tmp_path)
        operator.plan("release-stranded-memory")
        step = msgspec.json.decode(operator.plan_file.read_bytes(), type=Plan).steps[0]
        actor = ReleaseActor(page_map_request_for(), no_such_call)
        before, charged = actor.look(step, None), charged_bytes(lonely.pid)
        intent = Intent(step=1, at="t", before=before.facts, restores=before.restores)
        actor.act(step, intent, lambda *_: None)
        after = actor.look(step, intent)
        given_back = charged - charged_bytes(lonely.pid)
        lonely.agent.ask_or_fail("ping")

    stranded = int(before.facts["stranded_bytes"] or 0)
    assert stranded > 64 * MIB
    assert after.is_reached
    assert given_back == pytest.approx(stranded, rel=0.10)
    assert after.facts["rss_bytes"] == pytest.approx(before.facts["rss_bytes"], rel=0.02)
    assert after.facts["swap_bytes"] == 0


@pytest.mark.usefixtures("inflated")
def test_a_balloon_is_deflated_to_a_target_watched_and_inflated_again_by_undo(
    operator: Operator, guest: Guest
) -> None:
    operator.plan("deflate-balloon", "--target", f"{INFLATED_TO_MIB + 100}M")
    said = operator.apply("--soak", "2s")
    reached = settled(guest, INFLATED_TO_MIB + 100)
    operator.undo()

    assert reached == (INFLATED_TO_MIB + 100) * MIB
    assert "improved: the guest got 100 MiB" in said
    assert "watched for 2 s: held" in said
    assert settled(guest, INFLATED_TO_MIB) == INFLATED_TO_MIB * MIB


@pytest.mark.usefixtures("inflated")
def test_memory_is_never_taken_from_a_guest_by_deflating(operator: Operator) -> None:
    done = operator.run(
        "plan", "--remedy", "deflate-balloon", "--domain", operator.guest.name, "--target", "300M"
    )

    assert done.returncode == 10
    assert "this remedy never takes memory from it" in done.stderr


def test_virsh_gives_the_same_answers_where_no_python_has_the_binding(operator: Operator) -> None:
    uuid, uri = operator.host.virsh("domuuid", operator.guest.name).strip(), operator.host.uri
    session = LibvirtSession(uri)

    for call in ("state", "limits", "definition"):
        by_virsh = call_virsh({"uri": uri, "call": call, "uuid": uuid}, 15.0)
        assert by_virsh == session.read(call, uuid) or by_virsh.strip() == session.read(call, uuid).strip()
    call_virsh({"uri": uri, "call": "define", "xml": session.read("definition", uuid)}, 15.0)
    with pytest.raises(ActionRefusedError, match="libvirt refused"):
        call_virsh({"uri": uri, "call": "start", "uuid": uuid}, 15.0)
    with pytest.raises(ActionRefusedError, match="libvirt refused"):
        session.write("start", uuid=uuid)


def test_the_popular_command_fails_in_every_form(operator: Operator) -> None:
    name, device = operator.guest.name, operator.folder / "none.xml"
    device.write_text("<memballoon model='none'/>")
    attempts = {
        ("update-device", name, "--config", "--xml", str(device)): "doesn't support option --xml",
        ("update-device", name, str(device), "--config"): "persistent update of device 'memballoon' is not",
        ("update-device", name, str(device), "--live"): "live update of device 'memballoon' is not supported",
        ("detach-device", name, str(device), "--config"): "persistent detach of device 'memballoon' is not",
    }

    for words, said in attempts.items():
        with pytest.raises(ActionError, match=said):
            operator.host.virsh(*words)


@pytest.mark.usefixtures("inflated")
def test_ours_takes_the_balloon_out_of_the_definition_and_nothing_else(
    operator: Operator, guest: Guest
) -> None:
    plain = operator.definition()
    with_secret = plain.replace(
        "<memballoon",
        f"<graphics type='vnc' port='-1' autoport='yes' passwd='{SECRET}'/>\n    <memballoon",
        1,
    )
    define(operator, with_secret)
    before = operator.definition()
    try:
        lines = operator.cycle("disable-balloon")
        after = operator.definition()
        reached = settled(guest, MEMORY_MIB)
        operator.undo()
        back = operator.definition()
    finally:
        define(operator, plain)
    changed = [
        line
        for line in difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
        if line[:1] in "+-" and not line.startswith(("+++", "---"))
    ]

    assert SECRET in before
    assert SECRET in after
    assert [line for line in changed if line.startswith("+")] == ["+    <memballoon model='none'/>"]
    assert all("memballoon" in line or "period" in line or "address" in line for line in changed)
    assert reached == MEMORY_MIB * MIB
    assert back == before
    assert settled(guest, INFLATED_TO_MIB) == INFLATED_TO_MIB * MIB
    assert any("memballoon model: virtio → none" in text for text in verdict(lines)["because"])
    assert SECRET not in operator.plan_file.read_text()
    for path in operator.folder.rglob("*"):
        assert path.is_dir() or SECRET.encode() not in path.read_bytes()


def verdict(lines: list[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = of_type(lines, "verified")[0]["verification"]
    return found


def define(operator: Operator, xml: str) -> None:
    path = operator.folder / "definition.xml"
    path.write_text(xml)
    operator.host.virsh("define", str(path))
    path.unlink()


def test_a_definition_that_somebody_changed_since_is_refused(operator: Operator) -> None:
    operator.plan("enable-free-page-reporting")
    plain = operator.definition()
    define(operator, plain.replace("<on_crash>destroy", "<on_crash>restart"))
    try:
        said = operator.apply(code=10)
    finally:
        define(operator, plain)

    assert f"the definition of {operator.guest.name} was changed since the plan was made" in said


def test_free_page_reporting_is_defined_and_taken_back(operator: Operator) -> None:
    before = operator.definition()
    lines = operator.cycle("enable-free-page-reporting")
    during = operator.definition()
    operator.undo()

    assert "freePageReporting='on'" in during
    assert any("pending until a power cycle" in text for text in verdict(lines)["because"])
    assert operator.definition() == before


@pytest.mark.usefixtures("inflated")
def test_memory_is_pinned_for_every_start_and_unpinned(operator: Operator, guest: Guest) -> None:
    plain = operator.definition()
    define(operator, plain.replace(">1048576</currentMemory>", ">778240</currentMemory>"))
    before = operator.definition()
    try:
        operator.cycle("pin-memory")
        during, reached = operator.definition(), settled(guest, MEMORY_MIB)
        operator.undo()
        back = operator.definition()
    finally:
        define(operator, plain)

    assert during == plain
    assert reached == MEMORY_MIB * MIB
    assert back == before
    assert settled(guest, INFLATED_TO_MIB) == INFLATED_TO_MIB * MIB


def test_a_limit_is_raised_live_and_in_the_definition_and_put_back(operator: Operator) -> None:
    limit_kib = 1400 * 1024
    operator.host.virsh("memtune", operator.guest.name, "--hard-limit", str(limit_kib), "--live", "--config")
    try:
        lines = operator.cycle("raise-cgroup-limit")
        during = operator.host.virsh("memtune", operator.guest.name)
        operator.undo()
        back = operator.host.virsh("memtune", operator.guest.name)
    finally:
        operator.host.virsh("memtune", operator.guest.name, "--hard-limit", "-1", "--live", "--config")

    wished = of_type(lines, "done")[0]["after"]["live_limit_kib"]
    assert wished >= (MEMORY_MIB + 512) * 1024
    assert f"hard_limit     : {wished}" in during
    assert f"hard_limit     : {limit_kib}" in back


def test_a_domain_of_nova_is_left_alone_and_its_owners_way_is_told(operator: Operator) -> None:
    words = ("metadata", operator.guest.name, "--uri", NOVA, "--live", "--config")
    operator.host.virsh(*words, "--key", "nova", "--set", "<instance/>")
    try:
        refused = operator.run("plan", "--remedy", "disable-balloon", "--domain", operator.guest.name)
        released = operator.run("plan", "--json", "--domain", operator.guest.name)
    finally:
        operator.host.virsh(*words, "--remove")

    assert refused.returncode == 10
    assert "nova owns this domain" in refused.stderr
    assert "mem_stats_period_seconds = 0" in refused.stderr
    blocked = {option["remedy"] for option in json.loads(released.stdout) if option["blockers"]}
    assert {"disable-balloon", "pin-memory", "enable-free-page-reporting"} <= blocked


@pytest.mark.usefixtures("inflated")
def test_a_libvirt_that_hangs_is_given_up_looked_at_later_and_nothing_is_done_twice(
    operator: Operator, guest: Guest
) -> None:
    operator.plan("deflate-balloon", "--target", f"{INFLATED_TO_MIB + 60}M")
    stopper = threading.Thread(target=stop_after_intent, args=(operator,))
    stopper.start()
    begun = time.monotonic()
    try:
        said = operator.apply(code=11)
    finally:
        stopper.join()
        os.kill(operator.host.libvirtd_pid, signal.SIGCONT)
    spent_s = time.monotonic() - begun
    resumed = operator.run("apply", "--resume", operator.run_name)
    lines = operator.lines()
    operator.undo()

    assert "unknown: " in said
    assert "kvmedic apply --resume" in said
    assert spent_s < 100
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert [line["outcome"] for line in of_type(lines, "done")] == ["unknown", "done"]
    assert len(of_type(lines, "intent")) == 1
    assert settled(guest, INFLATED_TO_MIB) == INFLATED_TO_MIB * MIB


def stop_after_intent(operator: Operator) -> None:
    wait_for_line(operator.folder, '"type":"intent"')
    os.kill(operator.host.libvirtd_pid, signal.SIGSTOP)


def test_a_node_is_compacted_and_the_next_plan_knows_how_long_it_takes(operator: Operator) -> None:
    done = operator.run("plan", "--remedy", "compact-memory", "-o", str(operator.plan_file))
    assert done.returncode in (0, 2), done.stderr
    if done.returncode == 2:
        assert "compact-memory has nothing to do" in done.stderr
        return
    first = json.loads(operator.plan_file.read_text())["option"]["forecast"]
    applied = operator.run("apply", str(operator.plan_file))
    lines = operator.lines()
    again = {option["remedy"]: option for option in json.loads(operator.run("plan", "--json").stdout)}

    assert applied.returncode in (0, 12), applied.stdout + applied.stderr
    assert first["takes_s"]["best"] is None
    assert of_type(lines, "done")[0]["after"]["seconds"] > 0
    if "compact-memory" in again:
        assert "this host took" in again["compact-memory"]["forecast"]["takes_s"]["basis"]


def test_the_device_goes_with_a_graceful_power_cycle(operator: Operator, guest: Guest) -> None:
    """Comes last: the guest is another start of itself afterwards."""
    plain = operator.definition()
    operator.plan("disable-balloon", "--power-cycle")
    waiting = operator.apply(code=18)
    helper = threading.Thread(target=power_off_when_asked, args=(operator, guest))
    helper.start()
    try:
        done = operator.run("apply", "--resume", operator.run_name, "--yes")
    finally:
        helper.join()
    live = operator.host.virsh("dumpxml", guest.name)
    undone, back = operator.undo(), operator.definition()
    define(operator, plain)

    assert "disruptive, and there is no terminal to ask at" in waiting
    assert f"kvmedic apply --resume {operator.run_name} --yes" in waiting
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the domain runs without a balloon device" in done.stdout
    assert "<memballoon model='none'/>" in live
    assert "it was started again since" in undone
    assert back == plain


def power_off_when_asked(operator: Operator, guest: Guest) -> None:
    """The lab's guest knows no power button, so it is told when libvirt has pressed it."""
    wait_for_line(operator.folder, '"type":"intent"', '"step":3')
    time.sleep(2.0)
    try:
        guest.agent.ask("sh poweroff -f", timeout_s=5)
    except (ActionError, OutcomeUnknownError):
        sys.stderr.write("the guest went down\n")
