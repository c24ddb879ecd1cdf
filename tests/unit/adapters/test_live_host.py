"""The live host: what it reads, what it leaves alone, and that nothing can hold it up."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from host_on_disk import SCOPE, add_process, add_qemu, make_host, write

from kvmedic.adapters.live_host import LiveHost, bounded
from kvmedic.model.evidence import Evidence
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.request import CollectRequest

CHEAP = CollectRequest(is_deep=False, interval_s=0.0, page_map="none")


def collect(root: Path, request: CollectRequest = CHEAP) -> Evidence:
    return LiveHost(root).collect(request, lambda _, __: None)


@pytest.fixture
def host(tmp_path: Path) -> Path:
    return make_host(tmp_path)


def test_a_file_is_read_as_the_kernel_wrote_it(host: Path) -> None:
    assert collect(host).read("proc/vmstat") == b"nr_free_pages 1000\npgfault 5\n"


def test_an_exact_path_that_is_absent_is_a_gap_by_name(host: Path) -> None:
    assert collect(host).read("proc/zoneinfo") == Missing(
        source="proc/zoneinfo", reason=Reason.NOT_FOUND, detail="no such file or directory"
    )


def test_a_pattern_without_a_match_is_no_gap(host: Path) -> None:
    assert not [path for path in collect(host).files if "*" in path]


def test_costly_files_are_left_alone_unless_asked_for(host: Path) -> None:
    write(host, "proc/slabinfo", "slabinfo - version: 2.1\n")
    deep = CollectRequest(is_deep=True, interval_s=0.0, page_map="none")
    assert "proc/slabinfo" not in collect(host).files
    assert collect(host, deep).read("proc/slabinfo") == b"slabinfo - version: 2.1\n"


def test_a_second_reading_holds_counters_and_the_time_between(host: Path) -> None:
    evidence = collect(host, CollectRequest(is_deep=False, interval_s=0.2, page_map="none"))
    assert isinstance(evidence.interval_s, float)
    assert 0.2 <= evidence.interval_s < 2
    assert evidence.read_again("proc/vmstat") == b"nr_free_pages 1000\npgfault 5\n"
    assert "proc/meminfo" not in evidence.again


def test_without_an_interval_there_is_no_second_reading(host: Path) -> None:
    evidence = collect(host)
    assert evidence.again == {}
    assert isinstance(evidence.interval_s, Missing)


STATISTICS = "sos_commands/virsh/virsh_-r_domstats"


def with_statistics(root: Path, first: bytes | Missing) -> Evidence:
    """Evidence of a host whose libvirt tells statistics twice, the first time ``first``."""
    host = LiveHost(
        root,
        read_libvirt=lambda _: {STATISTICS: first},
        read_statistics=lambda _: {STATISTICS: b"Domain: 'web'\n  balloon.swap_in=9\n"},
    )
    request = CollectRequest(is_deep=False, interval_s=0.1, page_map="none")
    return host.collect(request, lambda _, __: None)


def test_libvirts_statistics_are_read_a_second_time_for_rates_of_the_guests(host: Path) -> None:
    evidence = with_statistics(host, b"Domain: 'web'\n  balloon.swap_in=1\n")
    assert evidence.read(STATISTICS) == b"Domain: 'web'\n  balloon.swap_in=1\n"
    assert evidence.read_again(STATISTICS) == b"Domain: 'web'\n  balloon.swap_in=9\n"


def test_a_libvirt_that_gave_none_is_not_asked_twice(host: Path) -> None:
    gap = Missing(source=STATISTICS, reason=Reason.TIMED_OUT, detail="hung")
    assert STATISTICS not in with_statistics(host, gap).again


def test_a_qemu_gives_its_files_its_safe_arguments_and_its_open_files(host: Path) -> None:
    add_qemu(host, 4321)
    evidence = collect(host)
    arguments = evidence.read("kvmedic/process/4321/arguments")
    assert isinstance(arguments, bytes)
    assert json.loads(arguments)[:3] == ["qemu-system-x86_64", "-name", "guest=web"]
    assert "driver=virtio-balloon-pci,id=balloon0" in json.loads(arguments)
    assert evidence.read("kvmedic/process/4321/open_files") == b"2\n"
    assert evidence.read("kvmedic/process/kinds") == b"4321 qemu\n"
    assert isinstance(evidence.read("proc/4321/status"), bytes)


def test_no_secret_reaches_the_evidence(host: Path) -> None:
    add_qemu(host, 4321)
    kept = b"".join(data for data in collect(host).files.values() if isinstance(data, bytes))
    assert b"PLANTED-SECRET" not in kept
    assert b"hunter2" not in kept
    assert b"crashkernel=auto" in kept


def test_the_groups_of_a_qemu_and_all_above_it_are_read_and_no_others(host: Path) -> None:
    add_qemu(host, 4321)
    groups = sorted(path for path in collect(host).files if path.startswith("sys/fs/cgroup"))
    assert groups == sorted(
        [
            "sys/fs/cgroup/memory.stat",
            "sys/fs/cgroup/machine.slice/memory.max",
            f"sys/fs/cgroup/{SCOPE}/memory.current",
            f"sys/fs/cgroup/{SCOPE}/memory.max",
        ]
    )


def test_a_stuck_qemu_costs_only_its_own_command_line(host: Path) -> None:
    add_qemu(host, 4000, is_stuck=True)
    add_qemu(host, 4321)
    started = time.monotonic()
    evidence = collect(host)
    assert time.monotonic() - started < 5
    stuck = evidence.read("kvmedic/process/4000/arguments")
    assert isinstance(stuck, Missing)
    assert stuck.reason is Reason.TIMED_OUT
    assert isinstance(evidence.read("proc/4000/status"), bytes)


def test_many_stuck_qemus_do_not_add_up(host: Path) -> None:
    for pid in range(5000, 5020):
        add_qemu(host, pid, is_stuck=True)
    started = time.monotonic()
    evidence = collect(host)
    assert time.monotonic() - started < 5
    arguments = [evidence.read(f"kvmedic/process/{pid}/arguments") for pid in range(5000, 5020)]
    assert all(isinstance(found, Missing) and found.reason is Reason.TIMED_OUT for found in arguments)


def test_a_pipe_in_the_place_of_a_file_is_a_gap_at_once(host: Path) -> None:
    (host / "proc/meminfo").unlink()
    os.mkfifo(host / "proc/meminfo")
    assert isinstance(collect(host).read("proc/meminfo"), Missing)


def test_tasks_that_sleep_uninterruptibly_are_listed_with_their_kernel_stack(host: Path) -> None:
    home = add_process(host, 77, "tar (1)", state="D")
    write(host, "proc/77/wchan", "io_schedule")
    write(host, "proc/77/stack", "[<0>] io_schedule+0x46/0x80\n")
    assert home.is_dir()
    evidence = collect(host)
    assert evidence.read("kvmedic/process/d_state") == b"77 tar (1) io_schedule\n"
    assert evidence.read("kvmedic/process/77/stack") == b"[<0>] io_schedule+0x46/0x80\n"


def test_daemons_are_found_by_name_and_services_by_size(host: Path) -> None:
    add_process(host, 10, "libvirtd")
    add_process(host, 11, "ceph-osd", rss_pages=100_000)
    add_process(host, 12, "bash")
    add_process(host, 13, "kvm", flags=0x00200000)
    assert collect(host).read("kvmedic/process/kinds") == b"10 daemon libvirtd\n11 service\n"


def test_only_the_configuration_of_the_running_kernel_is_read_and_without_its_texts(host: Path) -> None:
    evidence = collect(host)
    assert evidence.read("boot/config-6.1.0-49-amd64") == b"CONFIG_COMPACTION=y\n"
    assert "boot/config-6.1.0-48-amd64" not in evidence.files


def test_definitions_lose_their_secrets_and_links_of_autostart_count_as_present(host: Path) -> None:
    write(
        host,
        "etc/libvirt/qemu/web.xml",
        "<domain type='kvm'><name>web</name><memory>1024</memory>"
        "<devices><graphics type='vnc' passwd='PLANTED-SECRET'/></devices></domain>",
    )
    (host / "etc/libvirt/qemu/autostart").mkdir()
    (host / "etc/libvirt/qemu/autostart/web.xml").symlink_to("../web.xml")
    evidence = collect(host)
    definition = evidence.read("etc/libvirt/qemu/web.xml")
    assert isinstance(definition, bytes)
    assert b"<name>web</name>" in definition
    assert b"PLANTED" not in definition
    assert evidence.read("etc/libvirt/qemu/autostart/web.xml") == b""


def test_what_libvirt_tells_is_evidence_and_is_reduced_like_everything(host: Path) -> None:
    xml = b"<domain type='kvm'><name>a</name><description>PLANTED-SECRET</description></domain>"
    told = {"sos_commands/virsh/virsh_-r_dumpxml_a": xml, "kvmedic/libvirt/state": b"answers 9.0.0 x\n"}
    evidence = LiveHost(host, read_libvirt=lambda _: told).collect(CHEAP, lambda _, __: None)
    assert evidence.read("kvmedic/libvirt/state") == b"answers 9.0.0 x\n"
    assert b"PLANTED" not in bytes(evidence.files["sos_commands/virsh/virsh_-r_dumpxml_a"])  # type: ignore[arg-type]


def test_a_full_page_map_waits_for_better_times_on_a_strained_host(host: Path) -> None:
    pressure = (
        "some avg10=60.00 avg60=1.00 avg300=1.00 total=9\nfull avg10=50.00 avg60=1.00 avg300=1.00 total=9\n"
    )
    write(host, "proc/pressure/memory", pressure)
    full = CollectRequest(is_deep=True, interval_s=0.0, page_map="full")
    source = LiveHost(host, read_page_map=lambda _, __: b"{}")
    found = source.collect(full, lambda _, __: None).read("kvmedic/page_map.json")
    assert isinstance(found, Missing)
    assert "stalled on memory for 50 %" in found.detail


def test_a_page_map_is_made_when_asked_for(host: Path) -> None:
    wish = CollectRequest(is_deep=False, interval_s=0.0, page_map="sampled")
    source = LiveHost(host, read_page_map=lambda _, __: b"{}")
    assert source.collect(wish, lambda _, __: None).read("kvmedic/page_map.json") == b"{}"
    assert isinstance(source.collect(CHEAP, lambda _, __: None).files["kvmedic/page_map.json"], Missing)


def test_evidence_above_the_limit_is_a_gap() -> None:
    large = b"x" * (200 * 1024 * 1024)
    kept = bounded({"a": large, "b": large, "c": b"small"})
    assert kept["a"] == large
    assert isinstance(kept["b"], Missing)


def test_the_tool_ends_although_a_reader_never_does(host: Path) -> None:
    add_qemu(host, 4000, is_stuck=True)
    program = (
        "import sys; from pathlib import Path; from kvmedic.adapters.live_host import LiveHost;"
        "from kvmedic.model.request import CollectRequest;"
        "LiveHost(Path(sys.argv[1])).collect(CollectRequest(is_deep=False, interval_s=0.0, page_map='none'),"
        "lambda *_: None); print('done')"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, str(host)], capture_output=True, text=True, timeout=10, check=True
    )
    assert ended.stdout == "done\n"
    assert ended.stderr == ""


def test_this_very_host_gives_what_every_kernel_has() -> None:
    evidence = LiveHost().collect(CHEAP, lambda _, __: None)
    for path in ("proc/buddyinfo", "proc/vmstat", "proc/meminfo", "proc/uptime", "kvmedic/page_size"):
        assert isinstance(evidence.read(path), bytes), path
    assert evidence.target.kind == "host"
