"""The effective memory group: threads' groups, controllers that are not enabled, ancestors, rates."""

from __future__ import annotations

import pytest
from domain_samples import host_evidence
from host_samples import evidence

from kvmedic.derive.cgroup_of import derive_cgroup, derive_hierarchy
from kvmedic.model.domain import IN_ROOT_GROUP, CgroupFacts
from kvmedic.model.evidence import Evidence
from kvmedic.model.gap import Missing

V2 = b"cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n"
SCOPE = "machine.slice/machine-qemu-1-a.scope"


def cgroup(given: Evidence, *pids: int) -> CgroupFacts | Missing:
    """The group of the first pid."""
    return derive_cgroup(given, derive_hierarchy(given, pids), pids[0])


def level(path: str, current: int, maximum: str = "max", high: str = "max") -> dict[str, bytes]:
    """The files of a version 2 group."""
    files = {
        "memory.current": str(current),
        "memory.max": maximum,
        "memory.high": high,
        "memory.swap.max": "max",
    }
    return {f"sys/fs/cgroup/{path}/{name}": f"{value}\n".encode() for name, value in files.items()}


def host(*levels: dict[str, bytes], **groups: str) -> dict[str, bytes]:
    """A version 2 host; ``groups`` maps "p1" to the group of process 1."""
    files = {f"proc/{name[1:]}/cgroup": f"0::/{path}\n".encode() for name, path in groups.items()}
    return {"proc/self/mounts": V2, **files} | {path: data for each in levels for path, data in each.items()}


def test_memory_is_charged_to_the_domain_not_to_its_emulator_thread() -> None:
    files = host(level(SCOPE, 7), p1=f"{SCOPE}/libvirt/emulator")
    found = cgroup(evidence(files), 1)
    assert not isinstance(found, Missing)
    assert (found.path, found.own.usage_bytes, found.qemu_pids) == (SCOPE, 7, (1,))


def test_a_qemu_in_the_root_group_has_no_limit_on_either_version() -> None:
    two = host({"sys/fs/cgroup/cgroup.controllers": b"memory\n"}, p1="")
    one = {
        "proc/self/mounts": b"cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n",
        "proc/1/cgroup": b"4:memory:/\n",
        "sys/fs/cgroup/memory/memory.limit_in_bytes": b"9223372036854771712\n",
    }
    assert cgroup(evidence(two), 1) == cgroup(evidence(one), 1) == IN_ROOT_GROUP


def test_the_root_of_a_container_may_be_limited_from_outside() -> None:
    inside = {"sys/fs/cgroup/cgroup.controllers": b"memory\n", "sys/fs/cgroup/memory.max": b"1024\n"}
    found = cgroup(evidence(host(inside, p1="")), 1)
    assert isinstance(found, Missing)
    assert found != IN_ROOT_GROUP


def test_a_group_that_only_ps_tells_of_is_found() -> None:
    listing = b"PID COMMAND CGROUP\n1 kvm 0::/machine.slice/machine-qemu-1-a.scope/libvirt/emulator\n"
    files = host(level(SCOPE, 7)) | {"sos_commands/process/ps_axo_pid_comm_cgroup": listing}
    found = cgroup(evidence(files), 1)
    assert not isinstance(found, Missing)
    assert found.path == SCOPE


def test_a_threads_group_is_passed_even_where_it_has_memory_files() -> None:
    files = host(
        level(SCOPE, 7),
        level(f"{SCOPE}/libvirt", 6),
        level(f"{SCOPE}/libvirt/emulator", 5),
        p1=f"{SCOPE}/libvirt/emulator",
    )
    found = cgroup(evidence(files), 1)
    assert not isinstance(found, Missing)
    assert found.path == SCOPE


def test_without_the_controller_the_charge_goes_to_an_ancestor_with_many_domains() -> None:
    files = host(level("machine.slice", 9), p1="machine.slice/a.scope", p2="machine.slice/b.scope")
    found = cgroup(evidence(files), 1, 2)
    assert not isinstance(found, Missing)
    assert (found.path, found.qemu_pids) == ("machine.slice", (1, 2))


def test_a_group_below_counts_to_the_group_above_and_not_the_other_way() -> None:
    files = host(level("m", 9), level("m/a", 5), p1="m/a", p2="m")
    above, below = cgroup(evidence(files), 2, 1), cgroup(evidence(files), 1, 2)
    assert not isinstance(above, Missing)
    assert not isinstance(below, Missing)
    assert (above.qemu_pids, below.qemu_pids) == ((1, 2), (1,))


def test_ancestors_are_walked_with_their_limits() -> None:
    files = host(
        level("a", 30, high="4096"), level("a/b", 20, maximum="8192"), level("a/b/c", 10), p1="a/b/c"
    )
    found = cgroup(evidence(files), 1)
    assert not isinstance(found, Missing)
    assert [(above.path, above.max_bytes, above.high_bytes) for above in found.ancestors] == [
        ("a/b", 8192, None), ("a", None, 4096),
    ]  # fmt: skip
    assert found.own.max_bytes is None


def test_events_become_rates_between_two_readings_only() -> None:
    files = host(level(SCOPE, 7), p1=SCOPE)
    path = f"sys/fs/cgroup/{SCOPE}/memory.events"
    first = files | {path: b"low 0\nhigh 10\nmax 5\noom_kill 1\n"}
    found = cgroup(evidence(first, {path: b"low 0\nhigh 30\nmax 4\noom_kill 1\n"}, 2.0), 1)
    assert not isinstance(found, Missing)
    assert found.own.event_rates == {"low": 0.0, "high": 10.0, "oom_kill": 0.0}
    once = cgroup(evidence(first), 1)
    assert not isinstance(once, Missing)
    assert isinstance(once.own.event_rates, Missing)


def test_on_version_1_unlimited_is_none_and_failcnt_counts_as_max() -> None:
    found = cgroup(host_evidence(), 15028)
    assert not isinstance(found, Missing)
    assert (found.version, found.own.max_bytes) == (1, None)
    assert found.own.events == {"max": 0, "oom_kill": 0}
    assert isinstance(found.own.high_bytes, Missing)
    assert [above.path for above in found.ancestors] == ["lab.partition"]


@pytest.mark.parametrize("membership", ["0::/../outside", "0::/", "3:cpu:/a"])
def test_a_group_that_cannot_be_seen_is_a_gap(membership: str) -> None:
    files = {"proc/self/mounts": V2, "proc/1/cgroup": membership.encode(), **level("x", 1)}
    assert isinstance(cgroup(evidence(files), 1), Missing)
