"""compact-memory: gather free pages into whole blocks, one NUMA node at a time.

Synchronous and uninterruptible within a pass (mm/compaction.c, compact_node): it moves guest pages, and
needs every CPU once, so a realtime task that never yields an isolated CPU can hold it for ever. How long it
takes is known only from this host's own earlier runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kvmedic.model.finding import Subject
from kvmedic.model.gap import Missing
from kvmedic.model.page_map import PageMap
from kvmedic.model.plan import Action, Amount, Blocker, CompactNode, Forecast, Option
from kvmedic.model.zone_facts import ZoneFacts
from kvmedic.plan.forecasts import NO_DOWNTIME, exactly, not_known
from kvmedic.plan.situation import Remedy, Situation, blocker
from kvmedic.units import GIB, TIB, human_bytes

ID = "compact-memory"
ANSWERS = ("memory-fragmented", "hugepages-exhausted", "thp-compaction-stall", "numa-node-exhausted")
HUGE_ORDER = 9
WORTH_BLOCKS = 16
STALLED_PERCENT = 10.0
LARGE_NODE_BYTES = TIB // 4


def propose(situation: Situation) -> tuple[Option, ...]:
    """One option for each node that has at least 32 MiB free in pieces smaller than a huge page."""
    zones = situation.snapshot.memory.zones
    if isinstance(zones, Missing):
        return ()
    nodes = sorted({zone.node for zone in zones})
    found = (_option(situation, node, [zone for zone in zones if zone.node == node]) for node in nodes)
    return tuple(option for option in found if option is not None)


def _option(situation: Situation, node: int, zones: list[ZoneFacts]) -> Option | None:
    most = _most_blocks(zones)
    if most < WORTH_BLOCKS:
        return None
    subject = Subject(kind="node", name=f"node {node}", id=str(node))
    return Option(
        remedy=ID,
        subject=subject,
        forecast=Forecast(
            freed_bytes=Amount(best=0, low=0, high=0, basis="it moves pages and frees none"),
            contiguous_blocks=_blocks(situation, node, most),
            returns="as fast as the host fragments",
            downtime=NO_DOWNTIME,
            takes_s=_takes(situation, zones),
            noticed_by="guests, as short stalls while their pages move",
        ),
        risk="low" if _managed_bytes(situation, zones) < LARGE_NODE_BYTES else "medium",
        is_reversible=False,
        is_interruptible=True,
        blockers=tuple(_blockers(situation)),
        notes=tuple(_notes(situation, node, zones)),
        helps_against=tuple(_answered(situation, node)),
    )


def _most_blocks(zones: Iterable[ZoneFacts]) -> int:
    """Free memory cut into whole blocks, less those that are whole already."""
    pages = 1 << HUGE_ORDER
    return sum(
        max(0, zone.free_pages // pages - _whole(zone))
        for zone in zones
        if zone.zone not in ("DMA", "Device")
    )


def _whole(zone: ZoneFacts) -> int:
    return zone.blocks_at_least[HUGE_ORDER] if len(zone.blocks_at_least) > HUGE_ORDER else 0


_BASIS = "page map: what pins blocks; a pass of the kernel may end before all is gathered"


def _blocks(situation: Situation, node: int, most: int) -> Amount:
    """A range: by the page map where there is a full one and one node, else by the free lists.

    Its lower end is 0: a pass of the kernel may end long before its scanners meet, which no map foretells
    (measured on 6.1 and 6.12: from nothing to all of what the map said).
    """
    page_map = situation.snapshot.page_map
    if isinstance(page_map, PageMap) and {zone.node for zone in page_map.zones} == {node}:
        for forecast in page_map.forecasts:
            high = forecast.most_blocks
            if forecast.remedy == ID and isinstance(high, int):
                return Amount(best=None, low=0, high=min(high, most), basis=_BASIS)
    return Amount(best=None, low=0, high=most, basis="free lists: nothing tells what pins blocks")


def _takes(situation: Situation, zones: Iterable[ZoneFacts]) -> Amount:
    rate = situation.compaction_s_per_gib
    if rate is None:
        return not_known("never measured on this host")
    seconds = rate * _managed_bytes(situation, zones) / GIB
    return exactly(max(1, round(seconds)), f"this host took {rate:.2g} s/GiB before")


def _managed_bytes(situation: Situation, zones: Iterable[ZoneFacts]) -> int:
    pages = sum(zone.zoneinfo.managed_pages for zone in zones if not isinstance(zone.zoneinfo, Missing))
    return pages * situation.snapshot.memory.page_size_bytes


def _blockers(situation: Situation) -> Iterator[Blocker]:
    memory, marks = situation.snapshot.memory, situation.marks
    pressure = memory.pressure_memory
    if not isinstance(pressure, Missing) and pressure.full is not None:
        percent = pressure.full.avg10_percent
        if percent >= STALLED_PERCENT:
            yield blocker(
                f"all tasks stalled on memory {percent:.0f} % of the last 10 s", "proc/pressure/memory"
            )
    tasks = () if isinstance(marks, Missing) else marks.realtime_tasks
    if isinstance(tasks, Missing):
        yield blocker("whether realtime tasks hold isolated CPUs is not known", tasks.source)
    elif tasks:
        yield blocker(f"realtime tasks on isolated CPUs may hold it for ever: {', '.join(tasks[:3])}", "proc")


def _notes(situation: Situation, node: int, zones: Iterable[ZoneFacts]) -> Iterator[str]:
    managed = _managed_bytes(situation, zones)
    if managed >= LARGE_NODE_BYTES:
        yield (
            f"node {node} has {human_bytes(managed)}: a pass may take minutes, and cannot be stopped within; "
            "do it in a quiet hour"
        )
    if situation.snapshot.memory.page_size_bytes != 4096:
        yield "blocks of order 9 are not huge pages on this machine"


def _answered(situation: Situation, node: int) -> Iterator[str]:
    """Causes found for this node, one of its zones, or the host."""
    for finding in situation.findings:
        if finding.cause in ANSWERS:
            words = finding.subject.name.split()
            if finding.subject.kind not in ("node", "zone") or str(node) in words[1:2]:
                yield finding.cause


def actions(situation: Situation, option: Option) -> tuple[Action, ...]:
    """One action: passes over the node of this option."""
    return (CompactNode(node=int(option.subject.id or 0)),)


REMEDY = Remedy(
    id=ID, title="Gather free memory into whole blocks", answers=ANSWERS, propose=propose, actions=actions
)
