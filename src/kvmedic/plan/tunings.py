"""Kernel settings that answer what was found, each with its reason, its cost and its steps. Pure.

Tuning can kill: reserves are raised in steps, and capped by what each node has free; whoever carries them out
watches the pressure between two steps. Settings that this kernel does not have are not proposed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

from kvmedic.model.gap import Missing
from kvmedic.model.plan import Action, PersistTunables, WriteTunable
from kvmedic.model.record import Record
from kvmedic.model.snapshot import Snapshot
from kvmedic.model.zone_facts import ZoneFacts
from kvmedic.parse.sysctl import name_of_sysctl
from kvmedic.plan.situation import Situation
from kvmedic.units import KIB, human_bytes

THP = "sys/kernel/mm/transparent_hugepage"
SHRINK_UNDERUSED = f"{THP}/shrink_underused"
MAX_PTES_NONE = f"{THP}/khugepaged/max_ptes_none"
VM = "proc/sys/vm"
BALLOON_CAUSES = ("balloon-stranded-memory", "balloon-undone")
RESERVE_CAUSES = ("atomic-reserve-low", "reclaim-stall")
BLOCK_CAUSES = ("memory-fragmented", "thp-compaction-stall")
ANSWERS = (*BALLOON_CAUSES, *RESERVE_CAUSES, *BLOCK_CAUSES)
MOST_RESERVE_SHARE = 0.02
FREE_SHARE_FOR_RESERVE = 0.25
"""No node gives more than a quarter of what it has free now to a higher reserve."""
STEP_GROWTH = 1.5
PROACTIVENESS = 40
"""Background compaction begins at 70 % unusable, not 90 % (mm/compaction.c, fragmentation_score_wmark)."""
SCALE_FACTOR = 50
"""Each watermark 0.5 % of the zone above the next, instead of 0.1 %."""
SYSCTL_FILE = "etc/sysctl.d/90-kvmedic.conf"
TMPFILES_FILE = "etc/tmpfiles.d/kvmedic.conf"
MARK = "# Written by kvmedic; kvmedic undo takes it away."


class Tuning(Record, frozen=True, kw_only=True):
    """One setting: its path, what it is now, the values on its way (the last one is the aim)."""

    path: str
    now: str
    steps: tuple[str, ...]
    reason: str
    cost: str

    @property
    def key(self) -> str:
        """Its name for owners: the sysctl's, or the path below /sys."""
        return name_of_sysctl(self.path) if self.path.startswith("proc/sys/") else self.path

    @property
    def label(self) -> str:
        """Its name for people: without the path that is the same for all."""
        return self.key.removeprefix("sys/kernel/mm/")

    @property
    def aim(self) -> str:
        """The last value."""
        return self.steps[-1]


def tunings(situation: Situation) -> tuple[Tuning, ...]:
    """All settings that answer something found here, in the order in which they are to be written."""
    snapshot, causes = situation.snapshot, {finding.cause for finding in situation.findings}
    found: list[Tuning] = []
    if causes & set(BALLOON_CAUSES):
        found += against_refilling(snapshot)
    if causes & set(RESERVE_CAUSES):
        found += _reserves(snapshot)
    if causes & set(BLOCK_CAUSES):
        found += _blocks(snapshot)
    return tuple(found)


def against_refilling(snapshot: Snapshot) -> list[Tuning]:
    """shrink_underused off first, where it is there: with max_ptes_none 0 it would split every huge page that
    holds one page of zeroes (thp_underused(), 6.12 and later). Then max_ptes_none.
    """
    thp = snapshot.memory.thp
    if isinstance(thp, Missing) or thp.settings.get("enabled") == "never":
        return []
    found = []
    shrink, holes = thp.settings.get("shrink_underused"), thp.settings.get("khugepaged/max_ptes_none")
    if holes is None or not holes.isdigit():
        return []
    if shrink not in (None, "0"):
        found.append(
            Tuning(
                path=SHRINK_UNDERUSED,
                now=shrink,
                steps=("0",),
                reason="with max_ptes_none 0, reclaim would split every huge page with a page of zeroes",
                cost="huge pages with unused parts are not split under pressure any more, host-wide",
            )
        )
    if holes != "0":
        found.append(
            Tuning(
                path=MAX_PTES_NONE,
                now=holes,
                steps=("0",),
                reason="khugepaged refills what a balloon took, and nobody is told",
                cost="host-wide: ranges with a hole stay small pages, also after a post-copy migration",
            )
        )
    return found


def _reserves(snapshot: Snapshot) -> Iterator[Tuning]:
    sysctls, zones = snapshot.host.sysctls, snapshot.memory.zones
    if isinstance(zones, Missing):
        return
    page = snapshot.memory.page_size_bytes
    now = sysctls.get("vm.min_free_kbytes", "")
    if now.isdigit():
        aim = _reserve_aim(int(now), zones, page)
        if aim > int(now):
            rise = (aim - int(now)) * KIB
            yield Tuning(
                path=f"{VM}/min_free_kbytes",
                now=now,
                steps=tuple(map(str, _in_steps(int(now), aim))),
                reason="requests that cannot wait find no free page",
                cost=f"{human_bytes(rise)} more are kept free and serve no guest",
            )
    factor = sysctls.get("vm.watermark_scale_factor", "")
    if (
        factor.isdigit()
        and int(factor) < SCALE_FACTOR
        and (room := _scale_aim(int(factor), zones)) > int(factor)
    ):
        yield Tuning(
            path=f"{VM}/watermark_scale_factor",
            now=factor,
            steps=tuple(map(str, _in_steps(int(factor), room, growth=2.5))),
            reason="kswapd begins earlier, so that tasks need not reclaim themselves",
            cost=f"kswapd keeps {(room - int(factor)) * 2 / 100:.1f} % more of each node free",
        )


def _reserve_aim(now: int, zones: Iterable[ZoneFacts], page: int) -> int:
    """Twice the reserve, at most 2 % of memory, and no node pays more than a quarter of its free memory."""
    managed, free = _by_node(zones)
    total = sum(managed.values()) or 1
    most = int(total * page * MOST_RESERVE_SHARE) // KIB
    rises = [
        free[node] * FREE_SHARE_FOR_RESERVE * page / KIB / (managed[node] / total)
        for node in managed
        if managed[node]
    ]
    return min(now * 2, most, now + int(min(rises, default=0)))


def _scale_aim(now: int, zones: Iterable[ZoneFacts]) -> int:
    """The factor as far as each node's free memory bears it: both distances grow, in 1/10000 of the node."""
    managed, free = _by_node(zones)
    rises = [
        free[node] * FREE_SHARE_FOR_RESERVE / (2 * managed[node] / 10000) for node in managed if managed[node]
    ]
    return min(SCALE_FACTOR, now + int(min(rises, default=0)))


def _by_node(zones: Iterable[ZoneFacts]) -> tuple[Mapping[int, int], Mapping[int, int]]:
    """Managed and free pages of each node."""
    managed: dict[int, int] = {}
    free: dict[int, int] = {}
    for zone in zones:
        if not isinstance(zone.zoneinfo, Missing):
            managed[zone.node] = managed.get(zone.node, 0) + zone.zoneinfo.managed_pages
            free[zone.node] = free.get(zone.node, 0) + min(zone.free_pages, zone.zoneinfo.free_pages)
    return managed, free


def _in_steps(now: int, aim: int, growth: float = STEP_GROWTH) -> Iterator[int]:
    """The values from ``now`` to ``aim``, none more than ``growth`` times the one before."""
    while now < aim:
        now = min(aim, max(now + 1, int(now * growth)))
        yield now


def _blocks(snapshot: Snapshot) -> Iterator[Tuning]:
    sysctls = snapshot.host.sysctls
    now = sysctls.get("vm.compaction_proactiveness", "")
    if now.isdigit() and int(now) < PROACTIVENESS:
        yield Tuning(
            path=f"{VM}/compaction_proactiveness",
            now=now,
            steps=(str(PROACTIVENESS),),
            reason="kcompactd gathers free blocks before somebody has to wait for one",
            cost="some CPU time of kcompactd, and guest pages that move in the background",
        )
    if sysctls.get("vm.defrag_mode") == "0":
        yield Tuning(
            path=f"{VM}/defrag_mode",
            now="0",
            steps=("1",),
            reason="the allocator mixes page types in a block only as a last resort",
            cost="allocations reclaim and compact a little more; it works best from boot on",
        )


def writes_of(tuning: Tuning) -> tuple[WriteTunable, ...]:
    """One action for each step, each expecting the value of the one before."""
    values = (tuning.now, *tuning.steps)
    return tuple(
        WriteTunable(path=tuning.path, expected=before, value=value, reason=tuning.reason, cost=tuning.cost)
        for before, value in pairwise(values)
    )


def other_owners(situation: Situation, tuning: Tuning) -> tuple[str, ...]:
    """Who else sets this one at boot: then persistence is theirs."""
    if isinstance(situation.marks, Missing):
        return ()
    owners = situation.marks.owners_of(tuning.key)
    profile = situation.marks.tuned_profile
    return (*owners, *((f"tuned profile {profile}",) if profile else ()))


def persistence(situation: Situation, chosen: Iterable[Tuning]) -> tuple[Action, ...]:
    """Files of our own for the settings that nobody else sets at boot."""
    ours = [tuning for tuning in chosen if not other_owners(situation, tuning)]
    files = (
        (SYSCTL_FILE, [f"{t.key} = {t.aim}" for t in ours if t.path.startswith("proc/sys/")]),
        (TMPFILES_FILE, [f"w /{t.path} - - - - {t.aim}" for t in ours if t.path.startswith("sys/")]),
    )
    return tuple(
        PersistTunables(path=path, content="\n".join((MARK, *lines)) + "\n") for path, lines in files if lines
    )
