"""The domains of recorded hosts, with libvirt answering, hanging and absent, and without a process list."""

from __future__ import annotations

import json
import re

import pytest
from domain_samples import (
    NO_PAGE_MAP,
    VIRSH,
    derived,
    host_evidence,
    only_domain,
    recorded,
    without_libvirt,
)

from kvmedic.derive.domains import derive_domains
from kvmedic.model.domain import DomainGrowth
from kvmedic.model.evidence import Evidence
from kvmedic.model.gap import Missing, Reason
from kvmedic.units import MIB

SAME_WITHOUT_LIBVIRT = (
    *("name", "uuid", "state", "state_reason", "pid", "memory_max_bytes", "balloon_actual_bytes"),
    *("rss_bytes", "memcg_bytes", "thp_bytes", "stranded", "pending_changes", "balloon_driver"),
)


def test_a_domain_on_cgroup_v1_is_told_from_all_its_sources() -> None:
    domain = only_domain(host_evidence())
    assert (domain.name, domain.source, domain.state, domain.state_reason) == (
        "lab-guest", "libvirt", "running", "booted",
    )  # fmt: skip
    assert (domain.is_running, domain.is_persistent, domain.autostarts, domain.managed_by) == (
        True, True, False, "libvirt",
    )  # fmt: skip
    assert (domain.pid, domain.vcpus, domain.backing) == (15028, 1, "anonymous")
    assert (domain.memory_max_bytes, domain.balloon_actual_bytes) == (1024 * MIB, 700 * MIB)
    assert (domain.balloon_model, domain.balloon_driver, domain.free_page_reporting) == (
        "virtio",
        "alive",
        False,
    )
    assert domain.pending_changes == ()
    assert domain.discards_inhibited_by == ()
    assert isinstance(domain.balloon_target_bytes, Missing)


@pytest.mark.parametrize(("host", "stranded_mib"), [("cgroup-v1", 324), ("cgroup-v2", 284)])
def test_the_accounting_finds_what_the_balloon_stranded(host: str, stranded_mib: int) -> None:
    (reading,) = only_domain(host_evidence(host)).stranded
    assert reading.method == "lru-accounting"
    assert abs(reading.bytes - stranded_mib * MIB) <= reading.error_bytes
    assert abs(reading.bytes - stranded_mib * MIB) < 0.01 * stranded_mib * MIB


@pytest.mark.parametrize("host", ["cgroup-v1", "cgroup-v2"])
def test_rss_memcg_and_huge_pages_are_read_without_smaps(host: str) -> None:
    domain = only_domain(host_evidence(host))
    assert isinstance(domain.rss_bytes, int)
    assert isinstance(domain.memcg_bytes, int)
    assert isinstance(domain.thp_bytes, int)
    assert 0 < domain.thp_bytes < domain.rss_bytes < domain.memcg_bytes


def test_the_guests_figures_have_an_age() -> None:
    guest = only_domain(host_evidence()).guest
    assert not isinstance(guest, Missing)
    assert guest.is_fresh
    assert guest.age_s is not None
    assert abs(guest.age_s) < 10
    assert guest.usable_bytes is not None
    assert guest.available_bytes is not None
    assert guest.usable_bytes < guest.available_bytes


@pytest.mark.parametrize("host", ["cgroup-v1", "cgroup-v2"])
@pytest.mark.parametrize("state", ["hung gave no answer within 2.0 s\n", "absent no read-only socket\n"])
def test_without_libvirt_the_same_domain_is_told_by_its_status_record(host: str, state: str) -> None:
    answered, alone = only_domain(host_evidence(host)), only_domain(without_libvirt(host, state))
    assert alone.source == "status-xml"
    for fact in SAME_WITHOUT_LIBVIRT:
        assert getattr(alone, fact) == getattr(answered, fact), fact
    assert isinstance(alone.guest, Missing)


def test_the_hang_of_libvirt_is_a_named_gap() -> None:
    gaps = derived(without_libvirt())[1]
    assert [(gap.source, gap.reason) for gap in gaps] == [("libvirt", Reason.TIMED_OUT)]
    assert "2.0 s" in gaps[0].detail


def test_without_any_file_of_libvirt_the_process_is_the_domain() -> None:
    evidence = host_evidence(
        changes={path: None for path in recorded("cgroup-v1")[0] if path.startswith((VIRSH, "run/", "etc/"))}
        | {"kvmedic/libvirt/state": b"absent no read-only socket\n"}
    )
    domain = only_domain(evidence)
    assert (domain.name, domain.source, domain.managed_by) == ("lab-guest", "process", "libvirt")
    assert (domain.memory_max_bytes, domain.balloon_model) == (1024 * MIB, "virtio")
    assert domain.stranded == only_domain(host_evidence()).stranded
    assert isinstance(domain.balloon_actual_bytes, Missing)


def test_a_status_record_of_a_process_that_is_gone_does_not_make_it_run() -> None:
    evidence = without_libvirt()
    files = dict(evidence.files) | {"kvmedic/process/kinds": b"901 daemon libvirtd\n"}
    domain = only_domain(host_evidence(changes={**dict.fromkeys(recorded("cgroup-v1")[0]), **files}))
    assert (domain.is_running, domain.state) == (False, "shut off")


def test_where_nothing_can_be_read_the_domains_are_a_gap_not_none() -> None:
    evidence = host_evidence(changes=dict.fromkeys(recorded("cgroup-v1")[0]))
    assert isinstance(derive_domains(evidence, NO_PAGE_MAP)[0], Missing)


def test_a_host_without_guests_has_none() -> None:
    nothing: dict[str, bytes | Missing | None] = dict.fromkeys(recorded("cgroup-v1")[0])
    there: dict[str, bytes | Missing | None] = {
        "kvmedic/libvirt/state": b"absent no read-only socket\n", "kvmedic/process/kinds": b"",
    }  # fmt: skip
    assert derived(host_evidence(changes=nothing | there)) == ((), [])


def test_a_domain_that_was_only_listed_is_completed_from_libvirts_own_files() -> None:
    told = [path for path in recorded("cgroup-v1")[0] if "dumpxml" in path or "dominfo" in path]
    domain = only_domain(host_evidence(changes=dict.fromkeys(told)))
    assert (domain.name, domain.state, domain.memory_max_bytes) == ("lab-guest", "running", 1024 * MIB)


def test_a_sosreport_gives_what_it_has_and_gaps_for_the_rest() -> None:
    files, _ = recorded("cgroup-v1")
    ps = (
        b"USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND\n"
        b"root 15028 1.0 2.0 9 600000 ? Sl 10:00 0:01 /usr/bin/qemu-system-x86_64 -name guest=lab-guest "
        b"-m 1024 -uuid 01944cbb-d48c-4d21-887b-61f6772ab2df\n"
    )
    kept = {path: data for path, data in files.items() if path.startswith("etc/libvirt")}
    evidence = host_evidence(changes={**dict.fromkeys(files), **kept, "sos_commands/process/ps_auxwwwm": ps})
    domain = only_domain(evidence)
    assert (domain.name, domain.is_running, domain.pid, domain.rss_bytes) == (
        "lab-guest",
        True,
        15028,
        600000 * 1024,
    )
    assert domain.stranded == ()
    assert domain.stranded_gap is not None
    assert isinstance(domain.memcg_bytes, Missing)


def test_two_qemus_in_one_group_are_told_apart_by_nothing_the_group_says() -> None:
    files, _ = recorded("cgroup-v1")
    moved = {
        path.replace("proc/15028/", "proc/15029/"): data for path, data in files.items() if "15028" in path
    }
    evidence = host_evidence(
        changes={
            **moved,
            "kvmedic/process/kinds": b"15028 qemu\n15029 qemu\n",
            "kvmedic/process/15029/arguments": json.dumps(
                ["kvm", "-id", "9", "-name", "other", "-m", "512"]
            ).encode(),
        }
    )
    domains = {domain.name: domain for domain in derived(evidence)[0]}
    for domain in domains.values():
        assert not isinstance(domain.cgroup, Missing)
        assert domain.cgroup.qemu_pids == (15028, 15029)
        assert isinstance(domain.memcg_bytes, Missing)
        assert domain.stranded == ()
    assert domains["other"].managed_by == "proxmox"
    assert domains["other"].memory_max_bytes == 512 * MIB


def read_twice(again: dict[str, bytes | Missing], interval_s: float | Missing = 1.0) -> Evidence:
    """The recorded host with more in its second reading."""
    evidence = host_evidence()
    return Evidence(
        target=evidence.target,
        taken_at=evidence.taken_at,
        interval_s=interval_s,
        files=evidence.files,
        again={**evidence.again, **again},
    )


def test_what_changed_between_the_readings_is_told_by_each_source() -> None:
    files, _ = recorded("cgroup-v1")
    texts = {path: data for path, data in files.items() if isinstance(data, bytes)}
    stats, status = "sos_commands/virsh/virsh_-r_domstats", "proc/15028/status"
    group = next(path for path in texts if path.endswith("libvirt-qemu/memory.stat"))
    evidence = read_twice(
        {
            stats: texts[stats].replace(b"balloon.current=716800", b"balloon.current=716801"),
            status: re.sub(rb"VmRSS:\s+\d+ kB", b"VmRSS: 999999 kB", texts[status]),
            group: re.sub(rb"total_rss_huge \d+", b"total_rss_huge 0", texts[group]),
        }
    )
    domain = only_domain(evidence)
    assert isinstance(domain.rss_bytes, int)
    assert isinstance(domain.thp_bytes, int)
    assert domain.growth == DomainGrowth(
        interval_s=1.0,
        balloon_actual_bytes=1024,
        rss_bytes=999_999 * 1024 - domain.rss_bytes,
        thp_bytes=-domain.thp_bytes,
    )


def test_one_reading_shows_no_change() -> None:
    once = Missing(source="interval", reason=Reason.NOT_COLLECTED, detail="one reading only")
    assert only_domain(read_twice({}, once)).growth is None


def test_what_a_virtio_mem_does_not_give_the_guest_is_no_balloon() -> None:
    path = "sos_commands/virsh/virsh_-r_dumpxml_lab-guest"
    files, _ = recorded("cgroup-v1")
    before = only_domain(host_evidence()).memory_max_bytes
    assert isinstance(before, int)
    device = (
        "<memory model='virtio-mem'><target><size unit='GiB'>6</size><requested unit='GiB'>1</requested>"
        "<current unit='GiB'>1</current></target></memory></devices>"
    )
    definition = files[path]
    assert isinstance(definition, bytes)
    xml = definition.decode().replace("</devices>", device)
    xml = re.sub(
        r'<memory unit="KiB">\d+</memory>', f"<memory unit='KiB'>{(before >> 10) + (6 << 20)}</memory>", xml
    )
    domain = only_domain(host_evidence(changes={path: xml.encode()}))
    assert domain.memory_max_bytes == before + (1 << 30)


HOTPLUGGED = [
    *("kvm", "-id", "9", "-name", "other,debug-threads=on", "-m", "size=1024,slots=255,maxmem=4194304M"),
    *("-object", "memory-backend-ram,id=ram-node0,size=1024M"),
    *("-object", "memory-backend-ram,id=mem-dimm0,size=512M"),
    *("-device", "pc-dimm,id=dimm0,memdev=mem-dimm0,node=0"),
    *("-device", '{"driver":"pc-dimm","id":"dimm1","memdev":"mem-dimm1"}'),
    *("-object", '{"qom-type":"memory-backend-ram","id":"mem-dimm1","size":536870912}'),
]


@pytest.mark.parametrize(
    ("settings", "maximum"), [("", 2048), ("memory: 1024\n", 2048), ("memory: 4096\n", 4096)]
)
def test_dimms_are_memory_of_the_domain_also_those_plugged_in_after_its_start(
    settings: str, maximum: int
) -> None:
    evidence = host_evidence(
        changes={
            "kvmedic/process/kinds": b"15028 qemu\n",
            "kvmedic/process/15028/arguments": json.dumps(HOTPLUGGED).encode(),
            "etc/pve/qemu-server/9.conf": settings.encode(),
        }
    )
    domain = next(found for found in derived(evidence)[0] if found.source == "process")
    assert domain.memory_max_bytes == maximum * MIB


def test_a_process_whose_arguments_cannot_be_read_is_still_its_domains() -> None:
    gap = Missing(source="kvmedic/process/15028/arguments", reason=Reason.TIMED_OUT, detail="it is stuck")
    domain = only_domain(host_evidence(changes={"kvmedic/process/15028/arguments": gap}))
    assert (domain.name, domain.pid, domain.is_running) == ("lab-guest", 15028, True)
    assert domain.stranded == only_domain(host_evidence()).stranded


def test_a_busy_or_stopped_domain_says_why_its_figures_are_missing() -> None:
    gap = Missing(source="virsh domstats", reason=Reason.TIMED_OUT, detail="its QEMU is in state T")
    stats = b"Domain: 'lab-guest'\n  state.state=1\n  state.reason=1\n"
    evidence = host_evidence(
        changes={f"{VIRSH}virsh_-r_domstats": stats, f"{VIRSH}virsh_-r_domstats/lab-guest": gap}
    )
    domains, gaps = derived(evidence)
    assert domains[0].guest == gap
    assert gaps == [gap]
    assert domains[0].balloon_actual_bytes == 700 * MIB


def test_a_domain_that_is_shut_off_has_no_readings() -> None:
    off = b"Domain: 'lab-guest'\n  state.state=5\n  state.reason=2\n"
    evidence = host_evidence(
        changes={
            f"{VIRSH}virsh_-r_domstats": off,
            f"{VIRSH}virsh_-r_dumpxml_lab-guest": None,
            "kvmedic/process/kinds": b"901 daemon libvirtd\n",
        }
    )
    domain = only_domain(evidence)
    assert (domain.state, domain.state_reason, domain.is_running) == ("shut off", "destroyed", False)
    assert domain.stranded == ()
    for fact in (
        domain.guest,
        domain.balloon_driver,
        domain.balloon_actual_bytes,
        domain.rss_bytes,
        domain.pid,
    ):
        assert isinstance(fact, Missing)
