"""Moving guests between real libvirt hosts: two private libvirtds on one bridge, reached over ssh."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.live.conftest import reserved_huge_pages
from tests.live.kvmedic_command import KVMEDIC

from kvmedic.lab.bed import Bed
from kvmedic.lab.domain_xml import Backing, GuestWish
from kvmedic.lab.fleet import Fleet, FleetHost, policy_file
from kvmedic.lab.guest import Guest, start_guest

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("fleet")]
NOVA = "http://openstack.org/xmlns/libvirt/nova/1.1"
STOPPED, REFUSED, UNKNOWN = 19, 10, 11


class Place:
    """Two hosts, three guests that began on the first one, and an operator beside them."""

    def __init__(self, bed: Bed) -> None:
        self.folder = bed.folder
        self.fleet = Fleet(bed)
        self.a, self.b = FleetHost(self.fleet, "a"), FleetHost(self.fleet, "b")
        self.guests = [
            start_guest(self.a, name, GuestWish(memory_mib=192)) for name in ("one", "two", "three")
        ]
        for guest in self.guests:
            guest.wait_until_ready(timeout_s=400)
            guest.agent.ask_or_fail("count")
        self.policy = self.with_policy()

    def with_policy(self, **settings: str) -> Path:
        """The policy of this fleet; no time has to pass between two runs."""
        return policy_file(self.folder, (self.a, self.b), **{"cooldown_s": "0.0", **settings})

    def kvmedic(self, *words: str, timeout_s: float = 240) -> subprocess.CompletedProcess[str]:
        """The command as the operator runs it."""
        return self.fleet.run([str(KVMEDIC), *words, *self._policy_of(words)], timeout_s=timeout_s)

    def _policy_of(self, words: tuple[str, ...]) -> tuple[str, ...]:
        return ("--policy", str(self.policy)) if words[0] in ("plan", "apply", "undo") else ()

    def plan(self, host: FleetHost, remedy: str, *words: str) -> tuple[Path, dict[str, Any]]:
        """A plan for that host."""
        path = self.folder / f"plan-{time.monotonic_ns()}.json"
        done = self.kvmedic("plan", f"ssh://root@{host.address}", "--remedy", remedy, "-o", str(path), *words)
        assert done.returncode == 0, done.stderr
        return path, json.loads(path.read_text())

    def begin(self, plan: Path) -> subprocess.Popen[str]:
        """An apply that goes on while the test does something else."""
        argv = [
            *self.fleet.command_prefix,
            str(KVMEDIC),
            "apply",
            str(plan),
            "--yes",
            "--policy",
            str(self.policy),
        ]
        return subprocess.Popen(
            argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.fleet.environment()
        )

    def runs(self) -> dict[str, list[dict[str, Any]]]:
        """Every run with its entries."""
        found: dict[str, list[dict[str, Any]]] = json.loads(self.kvmedic("runs", "--json").stdout)
        return found

    def running_on(self, host: FleetHost) -> set[str]:
        """The names of what runs there; what only came in is paused, and does not run."""
        return set(host.virsh("list", "--state-running", "--name").split())

    def everybody_home(self) -> None:
        """Put every guest back on the first host, by libvirt alone."""
        (self.b.folder / "kvmedic" / "cordon").unlink(missing_ok=True)
        (self.a.folder / "kvmedic" / "cordon").unlink(missing_ok=True)
        for name in self.running_on(self.b):
            self.b.virsh(
                *("migrate", name, self.a.tcp_uri, "--live", "--p2p", "--persistent", "--undefinesource"),
                *("--migrateuri", f"tcp://{self.a.address}"),
            )


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with ExitStack() as stack:
        yield Place(stack.enter_context(Bed()))


@pytest.fixture
def at_home(place: Place) -> Place:
    """All guests on the first host, no cordon, the plain policy."""
    place.everybody_home()
    place.policy = place.with_policy()
    return place


def counted(guest: Guest) -> int:
    """How far the guest has counted; it counts a second later again, wherever it runs."""
    return int(re.findall(r"COUNT ([0-9]+)", guest.console())[-1])


def counts_on(guest: Guest) -> bool:
    """Whether it goes on counting: it runs, and remembers."""
    before, deadline = counted(guest), time.monotonic() + 30
    while time.monotonic() < deadline:
        if counted(guest) > before:
            return True
        time.sleep(0.3)
    return False


def run_of(done: str) -> str:
    return re.findall(r"run-[0-9a-f]{8}", done)[0]


def test_a_guest_that_counts_goes_on_counting_on_the_other_host(at_home: Place) -> None:
    """Live, with its definition, which loses the balloon at the next power cycle; nothing is left behind."""
    guest = at_home.guests[0]
    before = counted(guest)
    path, plan = at_home.plan(at_home.a, "migrate-domain", "--domain", guest.name, "--balloon-none")

    done = at_home.kvmedic("apply", str(path), "--yes")

    assert "step 1  done" in done.stdout, done.stdout + done.stderr
    assert guest.name in at_home.running_on(at_home.b)
    assert guest.name not in at_home.a.virsh("list", "--all", "--name")
    assert counted(guest) >= before
    assert counts_on(guest)
    assert "model='virtio'" in balloon(at_home.b.virsh("dumpxml", guest.name))
    assert "model='none'" in balloon(at_home.b.virsh("dumpxml", "--inactive", guest.name))
    assert plan["steps"][0]["is_disruptive"]


def balloon(xml: str) -> str:
    return str(next(line for line in xml.splitlines() if "<memballoon" in line))


def test_a_domain_of_nova_is_refused_with_novas_own_command(at_home: Place) -> None:
    guest = at_home.guests[1]
    at_home.a.virsh("metadata", guest.name, "--live", "--uri", NOVA, "--key", "nova", "--set", "<instance/>")
    try:
        words = ("--remedy", "migrate-domain", "--domain", guest.name)
        done = at_home.kvmedic("plan", f"ssh://root@{at_home.a.address}", *words)
    finally:
        at_home.a.virsh("metadata", guest.name, "--live", "--uri", NOVA, "--remove")

    assert done.returncode == REFUSED
    assert "nova owns this domain" in done.stderr
    assert "openstack server migrate --live-migration" in done.stderr


def test_a_cordoned_destination_takes_nobody(at_home: Place) -> None:
    (at_home.b.folder / "kvmedic" / "cordon").write_text("disks are being changed\n")

    words = ("--remedy", "migrate-domain", "--domain", at_home.guests[1].name)
    done = at_home.kvmedic("plan", f"ssh://root@{at_home.a.address}", *words)

    assert done.returncode == REFUSED
    assert "is cordoned: disks are being changed" in done.stderr


def test_the_host_itself_is_no_destination(at_home: Place) -> None:
    words = ("--remedy", "migrate-domain", "--domain", at_home.guests[1].name, "--to", at_home.a.tcp_uri)
    done = at_home.kvmedic("plan", f"ssh://root@{at_home.a.address}", *words)

    assert done.returncode == REFUSED
    assert "same host UUID" in done.stderr


def test_a_destination_without_huge_pages_takes_no_guest_that_lives_on_them(at_home: Place) -> None:
    """All that the pool has are in use at the source (both hosts share this kernel's pool)."""
    wish = GuestWish(memory_mib=64, backing=Backing.HUGETLB)
    with reserved_huge_pages(at_home.a, 32), start_guest(at_home.a, "huge", wish) as guest:
        words = ("--remedy", "migrate-domain", "--domain", guest.name)
        done = at_home.kvmedic("plan", f"ssh://root@{at_home.a.address}", *words)

    assert done.returncode == REFUSED, done.stderr
    assert re.search(r"has [0-9]+ free huge pages of 2.0 MiB where it would run; it needs 32", done.stderr)


def test_a_lock_that_another_operator_holds_on_the_host_is_honoured(at_home: Place) -> None:
    """The lock lies on the affected host: whoever works there, from wherever, is seen."""
    guest = at_home.guests[1]
    path, plan = at_home.plan(at_home.a, "migrate-domain", "--domain", guest.name)
    locks = at_home.a.folder / "kvmedic" / "locks"
    locks.mkdir(exist_ok=True)
    lock = locks / f"domain-{plan['domains'][0]['uuid']}.lock"
    lock.write_text("alice, run run-00000000")
    with subprocess.Popen(["flock", str(lock), "cat"], stdin=subprocess.PIPE) as holder:
        time.sleep(0.5)
        done = at_home.kvmedic("apply", str(path), "--yes")
        assert holder.stdin is not None
        holder.stdin.close()

    assert done.returncode == REFUSED
    assert "being worked on by alice" in done.stderr
    assert guest.name in at_home.running_on(at_home.a)


def test_an_evacuation_that_was_aborted_goes_on_where_it_stood(at_home: Place) -> None:
    """Ctrl-C in the middle of a move: that guest runs on where it was; resumed, all of them arrive."""
    at_home.policy = at_home.with_policy(bandwidth_mib_s="12")
    path, plan = at_home.plan(at_home.a, "evacuate-host")
    assert [step["title"].split(":")[0] for step in plan["steps"]][:1] == ["cordon the host"]
    assert len(plan["steps"]) == 4

    process = at_home.begin(path)
    wait_for(lambda: len(at_home.running_on(at_home.a)) == 2 and is_moving(at_home.a), process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)

    assert process.returncode == STOPPED, out + err
    assert "runs on at its host, unharmed" in err
    assert len(at_home.running_on(at_home.b)) == 1
    assert len(at_home.running_on(at_home.a)) == 2
    assert "kvmedic evacuate-host" in (at_home.a.folder / "kvmedic" / "cordon").read_text()

    run = max(at_home.runs().items(), key=lambda item: item[1][0]["at"])[0]
    done = at_home.kvmedic("apply", "--resume", run, "--yes")

    assert at_home.running_on(at_home.b) == {guest.name for guest in at_home.guests}, (
        done.stdout + done.stderr
    )
    assert at_home.running_on(at_home.a) == set()
    assert all(counts_on(guest) for guest in at_home.guests)

    undone = at_home.kvmedic("undo", run)
    assert not (at_home.a.folder / "kvmedic" / "cordon").exists(), undone.stderr


def is_moving(host: FleetHost) -> bool:
    return any("Unbounded" in host.virsh("domjobinfo", name) for name in host.virsh("list", "--name").split())


def wait_for(is_so: Any, process: subprocess.Popen[str], timeout_s: float = 120) -> None:
    deadline = time.monotonic() + timeout_s
    while not is_so():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_a_host_is_emptied_rebooted_once_and_uncordoned(at_home: Place) -> None:
    """The order and the answers of a reboot, quickly; a real one is in test_fleet_nested.py (make lab)."""
    before = (at_home.a.folder / "boot_id").read_text()
    path, _ = at_home.plan(at_home.a, "reboot-host")

    done = at_home.kvmedic("apply", str(path), "--yes")

    assert "step 6  done" in done.stdout, done.stdout + done.stderr
    assert (at_home.a.folder / "boot_id").read_text() != before
    assert not (at_home.a.folder / "kvmedic" / "cordon").exists()
    assert at_home.running_on(at_home.b) == {guest.name for guest in at_home.guests}


@pytest.mark.lab
def test_a_host_where_somebody_started_a_guest_meanwhile_is_not_rebooted(at_home: Place) -> None:
    """Emptiness is looked at right before the order: the plan knew nothing of that guest."""
    at_home.policy = at_home.with_policy(bandwidth_mib_s="24")
    before = (at_home.a.folder / "boot_id").read_text()
    path, _ = at_home.plan(at_home.a, "reboot-host")
    process = at_home.begin(path)
    wait_for(lambda: len(at_home.running_on(at_home.a)) == 2, process)
    late = start_guest(at_home.a, "late", GuestWish(memory_mib=64))
    try:
        out, err = process.communicate(timeout=240)
    finally:
        late.destroy()

    assert process.returncode == REFUSED, out + err
    assert "not seen to be empty" in out
    assert (at_home.a.folder / "boot_id").read_text() == before
    assert (at_home.a.folder / "kvmedic" / "cordon").exists()


@pytest.mark.lab
def test_a_destination_that_hangs_in_mid_migration_loses_no_guest(at_home: Place) -> None:
    """Its libvirtd is stopped: nobody claims success, the guest runs in one place, and a resume looks
    first."""
    at_home.policy = at_home.with_policy(bandwidth_mib_s="6")
    guest = at_home.guests[2]
    path, _ = at_home.plan(at_home.a, "migrate-domain", "--domain", guest.name)
    daemon = at_home.b.libvirtd_pid_outside()

    process = at_home.begin(path)
    wait_for(lambda: is_moving(at_home.a), process)
    os.kill(daemon, signal.SIGSTOP)
    try:
        out, err = process.communicate(timeout=150)
    finally:
        os.kill(daemon, signal.SIGCONT)

    assert process.returncode in (REFUSED, UNKNOWN), out + err
    assert guest.name in at_home.running_on(at_home.a)
    assert guest.name not in at_home.running_on(at_home.b)

    done = at_home.kvmedic("apply", "--resume", run_of(out), "--yes")
    places = [guest.name in at_home.running_on(host) for host in (at_home.a, at_home.b)]
    assert places.count(True) == 1, done.stdout + done.stderr
    assert counts_on(guest)


@pytest.mark.lab
def test_a_source_whose_libvirtd_dies_in_mid_migration_keeps_its_guest(at_home: Place) -> None:
    """Nobody can see the guest then, so nothing is claimed; with libvirtd back, the resumed run moves it."""
    at_home.policy = at_home.with_policy(bandwidth_mib_s="6")
    guest = at_home.guests[2]
    path, _ = at_home.plan(at_home.a, "migrate-domain", "--domain", guest.name)

    process = at_home.begin(path)
    wait_for(lambda: is_moving(at_home.a), process)
    os.kill(at_home.a.libvirtd_pid_outside(), signal.SIGKILL)
    out, err = process.communicate(timeout=150)
    assert process.returncode == UNKNOWN, out + err

    at_home.a.start_libvirtd()
    done = at_home.kvmedic("apply", "--resume", run_of(out), "--yes")

    places = [guest.name in at_home.running_on(host) for host in (at_home.a, at_home.b)]
    assert places.count(True) == 1, done.stdout + done.stderr
    assert counts_on(guest)


def test_a_run_killed_in_mid_migration_is_looked_at_and_not_repeated(at_home: Place) -> None:
    """kill -9: libvirt carries the move to its end; the resumed run finds the guest arrived."""
    at_home.policy = at_home.with_policy(bandwidth_mib_s="12")
    guest = at_home.guests[1]
    path, _ = at_home.plan(at_home.a, "migrate-domain", "--domain", guest.name)
    process = at_home.begin(path)
    wait_for(lambda: is_moving(at_home.a), process)
    process.kill()
    process.communicate()

    run = max(at_home.runs().items(), key=lambda item: item[1][0]["at"])[0]
    done = at_home.kvmedic("apply", "--resume", run, "--yes")

    assert "step 1  done" in done.stdout, done.stdout + done.stderr
    assert guest.name in at_home.running_on(at_home.b)
    assert sum(line.get("type") == "intent" for line in at_home.runs()[run]) == 1


def test_the_patient_gets_a_runbook_and_no_plan(at_home: Place) -> None:
    for remedy in ("evacuate-host", "reboot-host"):
        done = at_home.a.run([str(KVMEDIC), "plan", "--remedy", remedy, "--policy", str(at_home.policy)])

        assert done.returncode == REFUSED
        assert "cannot nurse itself" in done.stderr
        assert "virsh migrate" in done.stdout
