"""The effective memory cgroup of a QEMU: where its memory is charged, and what limits it from above.

libvirt puts threads into groups below the domain's ("emulator", "vcpu0"); memory is charged to the domain's.
Where a group lacks the memory controller (version 2), its nearest ancestor that has it is charged, and that
may hold many domains: then what the group says is nobody's alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Literal

from kvmedic.derive.ps_listings import derive_ps_groups
from kvmedic.derive.reading import read_again_with, read_with
from kvmedic.model.domain import IN_ROOT_GROUP, CgroupFacts, CgroupLevel, ProcessFacts
from kvmedic.model.evidence import Evidence
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.record import Record
from kvmedic.parse.cgroup import (
    parse_cgroup_amount,
    parse_cgroup_counters,
    parse_cgroup_limit,
    parse_process_cgroup,
)
from kvmedic.parse.mounts import MemoryMounts, parse_memory_mounts
from kvmedic.parse.pressure import parse_pressure
from kvmedic.units import MIB, human_bytes

MOUNTS = "proc/self/mounts"
_HELPERS_BYTES = 32 * MIB
_HELPERS_SHARE = 0.1
"""QEMU's helpers in its group (swtpm, virtiofsd) are below this share of its memory."""
_THREAD_GROUP = re.compile(r"libvirt|emulator|vcpu[0-9]+|iothread[0-9]+")


class Hierarchy(Record, frozen=True, kw_only=True):
    """The memory hierarchy: version, directory (a path of evidence), hugetlbfs mounts, charged groups."""

    version: Literal[1, 2]
    directory: str
    hugetlbfs: Mapping[str, int | None]
    group_of: Mapping[int, str]
    """Group by pid, relative to the hierarchy's root, without slashes around it."""
    in_root: frozenset[int]
    """Processes of the root group, which no limit applies to."""


def derive_hierarchy(evidence: Evidence, qemu_pids: tuple[int, ...]) -> Hierarchy | Missing:
    """Where memory groups are, and the charged group of each QEMU that has one."""
    mounts = _mounts(evidence)
    if isinstance(mounts, Missing):
        return mounts
    charged = {pid: _charged_group(evidence, mounts, pid) for pid in qemu_pids}
    return Hierarchy(
        version=mounts.cgroup_version,
        directory=mounts.directory,
        hugetlbfs=mounts.hugetlbfs,
        group_of={pid: group for pid, group in charged.items() if not isinstance(group, Missing)},
        in_root=frozenset(pid for pid, group in charged.items() if group is IN_ROOT_GROUP),
    )


def derive_cgroup(evidence: Evidence, hierarchy: Hierarchy | Missing, pid: int) -> CgroupFacts | Missing:
    """The group charged for ``pid``, its ancestors below the root (which has no limits), its QEMUs."""
    if isinstance(hierarchy, Missing):
        return hierarchy
    path = hierarchy.group_of.get(pid)
    if pid in hierarchy.in_root:
        return IN_ROOT_GROUP
    if path is None:
        detail = "its memory is charged to no group of its own that could be read"
        return Missing(source=f"memory cgroup of {pid}", reason=Reason.NOT_FOUND, detail=detail)
    place = f"{hierarchy.directory}/{path}"
    return CgroupFacts(
        version=hierarchy.version,
        path=path,
        own=_level(evidence, hierarchy, path),
        ancestors=tuple(_level(evidence, hierarchy, above) for above in _ancestors(path)),
        stat=read_with(evidence, f"{place}/memory.stat", parse_cgroup_counters),
        pressure=read_with(evidence, f"{place}/memory.pressure", parse_pressure),
        cpu_pressure=read_with(evidence, f"{place}/cpu.pressure", parse_pressure),
        qemu_pids=tuple(sorted(p for p, group in hierarchy.group_of.items() if _is_inside(group, path))),
    )


def counter_of(facts: CgroupFacts, *names: str) -> int | None:
    """The first of several names of a counter in memory.stat, over the whole subtree (v1: "total_…")."""
    if isinstance(facts.stat, Missing):
        return None
    for name in names:
        found = facts.stat.get(f"total_{name}") if facts.version == 1 else None
        found = facts.stat.get(name) if found is None else found
        if found is not None:
            return found
    return None


def sharing_gap(cgroup: CgroupFacts, process: ProcessFacts | Missing) -> Missing | None:
    """Why the group's figures are not the domain's alone; None where they are.

    Other QEMUs, or other processes with much memory: a QEMU started by hand sits in the group of a login.
    """
    source = "memory of the group"
    if len(cgroup.qemu_pids) != 1:
        detail = f"{len(cgroup.qemu_pids)} QEMU processes are charged to {cgroup.path}"
        return Missing(source=source, reason=Reason.UNSUPPORTED, detail=detail)
    mapped = mapped_anonymous_bytes(cgroup)
    if isinstance(process, Missing) or isinstance(process.rss_anon_bytes, Missing) or mapped is None:
        return None
    others = mapped - process.rss_anon_bytes
    if others <= max(_HELPERS_BYTES, _HELPERS_SHARE * process.rss_anon_bytes):
        return None
    detail = f"other processes hold {human_bytes(others)} in its group {cgroup.path}"
    return Missing(source=source, reason=Reason.UNSUPPORTED, detail=detail)


def mapped_anonymous_bytes(cgroup: CgroupFacts) -> int | None:
    """Anonymous memory of the group that somebody maps; None where memory.stat lacks it."""
    return counter_of(cgroup, "rss" if cgroup.version == 1 else "anon")


def _mounts(evidence: Evidence) -> MemoryMounts | Missing:
    """From the mounts; without them by the files that are there."""
    mounts = read_with(evidence, MOUNTS, parse_memory_mounts)
    if not isinstance(mounts, Missing):
        return mounts
    if next(evidence.paths("sys/fs/cgroup/memory/"), None):
        return MemoryMounts(cgroup_version=1, directory="sys/fs/cgroup/memory", hugetlbfs={})
    if next(evidence.paths("sys/fs/cgroup/"), None):
        return MemoryMounts(cgroup_version=2, directory="sys/fs/cgroup", hugetlbfs={})
    return mounts


def _charged_group(evidence: Evidence, mounts: MemoryMounts, pid: int) -> str | Missing:
    groups = read_with(evidence, f"proc/{pid}/cgroup", parse_process_cgroup)
    if isinstance(groups, Missing):
        groups = derive_ps_groups(evidence, pid)
    if isinstance(groups, Missing):
        return groups
    path = groups.get("memory" if mounts.cgroup_version == 1 else "")
    source = f"proc/{pid}/cgroup"
    if path is None:
        return Missing(source=source, reason=Reason.NOT_FOUND, detail="no row of the memory hierarchy")
    if "/.." in path:
        return Missing(source=source, reason=Reason.DENIED, detail="it lies outside our cgroup namespace")
    if path == "/" and _is_root(evidence, mounts):
        return IN_ROOT_GROUP
    usage = "memory.usage_in_bytes" if mounts.cgroup_version == 1 else "memory.current"
    for group in (path.strip("/"), *_ancestors(path.strip("/"))):
        is_read = not isinstance(evidence.read(f"{mounts.directory}/{group}/{usage}"), Missing)
        if group and is_read and not _THREAD_GROUP.fullmatch(group.rpartition("/")[2]):
            return group
    return Missing(source=source, reason=Reason.NOT_FOUND, detail=f"no {usage} of {path} or above was read")


def _is_root(evidence: Evidence, mounts: MemoryMounts) -> bool:
    """Whether "/" is the host's root, and not that of a container: its root may be limited from outside.

    The root of version 2 has no memory.max; that of version 1 has a limit that cannot be set.
    """
    if mounts.cgroup_version == 2:
        is_read = isinstance(evidence.read(f"{mounts.directory}/cgroup.controllers"), bytes)
        return is_read and not isinstance(evidence.read(f"{mounts.directory}/memory.max"), bytes)
    limit = read_with(evidence, f"{mounts.directory}/memory.limit_in_bytes", parse_cgroup_limit)
    return limit is None


def _ancestors(path: str) -> Iterator[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def _is_inside(group: str, path: str) -> bool:
    return group == path or group.startswith(f"{path}/")


def _level(evidence: Evidence, hierarchy: Hierarchy, path: str) -> CgroupLevel:
    place = f"{hierarchy.directory}/{path}"
    return _level_v1(evidence, place, path) if hierarchy.version == 1 else _level_v2(evidence, place, path)


def _level_v2(evidence: Evidence, place: str, path: str) -> CgroupLevel:
    events = read_with(evidence, f"{place}/memory.events", parse_cgroup_counters)
    again = read_again_with(evidence, f"{place}/memory.events", parse_cgroup_counters)
    return CgroupLevel(
        path=path,
        usage_bytes=read_with(evidence, f"{place}/memory.current", parse_cgroup_amount),
        max_bytes=read_with(evidence, f"{place}/memory.max", parse_cgroup_limit),
        high_bytes=read_with(evidence, f"{place}/memory.high", parse_cgroup_limit),
        swap_max_bytes=read_with(evidence, f"{place}/memory.swap.max", parse_cgroup_limit),
        events=events,
        event_rates=_rates(evidence, events, again),
    )


def _level_v1(evidence: Evidence, place: str, path: str) -> CgroupLevel:
    again = _events_v1(evidence, place, is_again=True)
    events = _events_v1(evidence, place, is_again=False)
    high = f"{place}/memory.high"
    return CgroupLevel(
        path=path,
        usage_bytes=read_with(evidence, f"{place}/memory.usage_in_bytes", parse_cgroup_amount),
        max_bytes=read_with(evidence, f"{place}/memory.limit_in_bytes", parse_cgroup_limit),
        high_bytes=Missing(source=high, reason=Reason.NOT_FOUND, detail="cgroup version 1 has none"),
        swap_max_bytes=read_with(evidence, f"{place}/memory.memsw.limit_in_bytes", parse_cgroup_limit),
        events=events,
        event_rates=_rates(evidence, events, again),
    )


def _events_v1(evidence: Evidence, place: str, *, is_again: bool) -> Mapping[str, int] | Missing:
    """failcnt (charges that met the limit) as "max"; oom_kill of memory.oom_control where it is there."""
    read = read_again_with if is_again else read_with
    failures = read(evidence, f"{place}/memory.failcnt", parse_cgroup_amount)
    control = read(evidence, f"{place}/memory.oom_control", parse_cgroup_counters)
    if isinstance(failures, Missing):
        return failures
    kills = None if isinstance(control, Missing) else control.get("oom_kill")
    return {"max": failures} if kills is None else {"max": failures, "oom_kill": kills}


def _rates(
    evidence: Evidence, first: Mapping[str, int] | Missing, again: Mapping[str, int] | Missing
) -> Mapping[str, float] | Missing:
    """Growth per second between the readings; a counter that fell (a new group) is left out."""
    if isinstance(first, Missing):
        return first
    if isinstance(again, Missing):
        return again
    interval_s = evidence.interval_s
    if isinstance(interval_s, Missing):
        return interval_s
    if interval_s <= 0:
        return Missing(source="interval", reason=Reason.NOT_UNDERSTOOD, detail="not above 0 s")
    return {
        name: (again[name] - count) / interval_s
        for name, count in first.items()
        if name in again and again[name] >= count
    }
