"""Head-room: what the guests may touch once their balloons go, against what the host can give. Pure.

A balloon holds no reservation: after it is deflated, the host pays when the guest touches the memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kvmedic.model.domain import CgroupFacts, DomainFacts
from kvmedic.model.gap import Missing
from kvmedic.model.memory import Meminfo
from kvmedic.model.plan import Blocker
from kvmedic.model.record import Record
from kvmedic.model.snapshot import Snapshot
from kvmedic.plan.situation import blocker
from kvmedic.units import GIB, MIB, human_bytes

MARGIN_SHARE = 0.02
MOST_MARGIN_BYTES = 4 * GIB
"""MemAvailable is an estimate: this much is left alone."""


class Headroom(Record, frozen=True, kw_only=True):
    """What may be touched, what is available for it in RAM and in swap, and what forbids or warns."""

    growth_bytes: int
    blockers: tuple[Blocker, ...]
    notes: tuple[str, ...]


def growth_of(domain: DomainFacts, target_bytes: int | None = None) -> int | Missing:
    """How much more the host may have to give when the guest may use ``target_bytes`` (or its maximum).

    Hugetlb memory comes from a pool that was reserved when the guest started: nothing more. Memory that the
    balloon stranded is not counted as a gain: the guest gets new pages, and the stranded ones stay.
    """
    if domain.backing == "hugetlb":
        return 0
    if isinstance(domain.memory_max_bytes, Missing):
        return domain.memory_max_bytes
    if isinstance(domain.rss_bytes, Missing):
        return domain.rss_bytes
    return max(0, (target_bytes or domain.memory_max_bytes) - domain.rss_bytes)


def headroom(snapshot: Snapshot, domains: Sequence[DomainFacts], target_bytes: int | None = None) -> Headroom:
    """Whether the host bears that these guests use all they may; the control groups above them too."""
    growths = {domain.name: growth_of(domain, target_bytes) for domain in domains}
    unknown = [gap for gap in growths.values() if isinstance(gap, Missing)]
    total = sum(growth for growth in growths.values() if isinstance(growth, int))
    blockers = [blocker("what the guest may touch is not known", str(gap)) for gap in unknown]
    memory_blockers, notes = _against_memory(snapshot.memory.meminfo, total)
    groups = [found for domain in domains for found in _against_groups(domain, growths[domain.name])]
    return Headroom(growth_bytes=total, blockers=(*blockers, *memory_blockers, *groups), notes=tuple(notes))


def _against_memory(meminfo: Meminfo | Missing, growth: int) -> tuple[list[Blocker], list[str]]:
    available = None if isinstance(meminfo, Missing) else meminfo.get("MemAvailable")
    total = None if isinstance(meminfo, Missing) else meminfo.get("MemTotal")
    if isinstance(meminfo, Missing) or available is None or total is None:
        return [blocker("the host's available memory is not known", "proc/meminfo")], []
    margin = min(int(total * MARGIN_SHARE), MOST_MARGIN_BYTES)
    room, swap = max(0, available - margin), meminfo.get("SwapFree") or 0
    text = f"the guest may touch {human_bytes(growth)} more; {human_bytes(available)} are available"
    if growth <= room:
        return [], [f"head-room: {text}"]
    if growth <= room + swap:
        return [], [f"head-room: only with swap: {text}, {human_bytes(swap)} of swap are free"]
    short = human_bytes(growth - room - swap)
    return [blocker(f"not enough head-room: {text}; {short} would lack", "proc/meminfo")], []


def _against_groups(domain: DomainFacts, growth: int | Missing) -> Iterable[Blocker]:
    if isinstance(domain.cgroup, Missing) or isinstance(growth, Missing):
        return
    for path, usage, limit in _limits(domain.cgroup):
        if usage + growth > limit - 16 * MIB:
            yield blocker(
                f"its group {path} may hold {human_bytes(limit)}, and may want more",
                f"{path}/memory.max",
                "kvmedic plan --remedy raise-cgroup-limit",
            )


def _limits(group: CgroupFacts) -> Iterable[tuple[str, int, int]]:
    for level in (group.own, *group.ancestors):
        if isinstance(level.max_bytes, int) and isinstance(level.usage_bytes, int):
            yield level.path, level.usage_bytes, level.max_bytes
