"""What the zones of a memory report could still give to the request that failed.

mm/page_alloc.c: a request is served from a zone whose free memory stays above its watermark and reserve, by a
block of its order whose type it may use: U, M and E are open to all, H only to atomic requests, C only to
movable ones, I to nobody (``show_migration_types``). The indices are those of mm/vmstat.c.
"""

from __future__ import annotations

from kvmedic.model.memory_report import GfpMask, MemInfoReport, ZoneReport
from kvmedic.model.record import Record

PAGE = 4096
PAGEBLOCK_BYTES = 2 << 20
ATOMIC_SHARE = 0.375
"""A request that may not wait may go to three eighths of the min watermark (ALLOC_HIGH, _HARDER)."""
_ZONE_NAMES = ("DMA", "DMA32", "Normal", "HighMem", "Movable", "Device")


class Supply(Record, frozen=True, kw_only=True):
    """The zones open to a request, in sum and one by one.

    ``roomy`` have free memory above their high watermark and reserve; ``reachable`` above their min watermark
    and reserve: the kernel looks for a block in no others; ``blocks`` are usable blocks of the order or
    larger in those; ``best`` is the zone with the most to spare.
    """

    zones: tuple[ZoneReport, ...]
    reachable: tuple[ZoneReport, ...]
    roomy: tuple[ZoneReport, ...]
    dry: tuple[ZoneReport, ...]
    blocks: int | None
    best: ZoneReport | None


def supply_of(memory: MemInfoReport, gfp: GfpMask | None, order: int, nodes: frozenset[int] | None) -> Supply:
    """What was there for such a request; ``nodes`` are those it was bound to, None for all."""
    movable = gfp is not None and bool(gfp.is_movable)
    zones = tuple(zone for zone in memory.zones if _is_open(zone, gfp, nodes) and zone.free_bytes is not None)
    reachable = tuple(zone for zone in zones if _is_reachable(zone, memory, gfp))
    has_lists = any(zone.blocks for zone in zones)
    spare = {id(zone): _spare(zone, memory, movable=movable) for zone in zones}
    known = [zone for zone in zones if spare[id(zone)] is not None]
    return Supply(
        zones=zones,
        reachable=reachable,
        roomy=tuple(zone for zone in known if (spare[id(zone)] or 0) > 0),
        dry=tuple(zone for zone in zones if _is_dry(zone)),
        blocks=sum(usable_blocks(zone, order, gfp) for zone in reachable) if has_lists else None,
        best=max(known, key=lambda zone: spare[id(zone)] or 0, default=None),
    )


def usable_blocks(zone: ZoneReport, order: int, gfp: GfpMask | None) -> int:
    """Free blocks of ``order`` and above in one zone that the request may have."""
    return sum(block.count for block in zone.blocks if block.order >= order and _may_use(block.letters, gfp))


def _may_use(letters: str | None, gfp: GfpMask | None) -> bool:
    if letters is None:
        return True
    open_to = set("UMER")
    if gfp is not None and gfp.is_atomic:
        open_to.add("H")
    if gfp is not None and gfp.is_movable:
        open_to.add("C")
    return bool(open_to & set(letters))


def _is_open(zone: ZoneReport, gfp: GfpMask | None, nodes: frozenset[int] | None) -> bool:
    if nodes is not None and zone.node is not None and zone.node not in nodes:
        return False
    names = () if gfp is None else gfp.names
    if "__GFP_DMA" in names:
        return zone.zone == "DMA"
    if "__GFP_DMA32" in names:
        return zone.zone in ("DMA", "DMA32")
    if zone.zone in ("Movable", "HighMem") and gfp is not None:
        return bool(gfp.is_movable) or (zone.zone == "HighMem" and "__GFP_HIGHMEM" in names)
    return zone.zone != "Device"


def _spare(zone: ZoneReport, memory: MemInfoReport, *, movable: bool) -> int | None:
    """Free memory above the high watermark and what is reserved for others; None where it is not told."""
    if zone.free_bytes is None or zone.high_bytes is None:
        return None
    return _open_bytes(zone, memory, movable=movable) - zone.high_bytes - _set_aside(zone)


def _is_reachable(zone: ZoneReport, memory: MemInfoReport, gfp: GfpMask | None) -> bool:
    """Whether the kernel looks into its free lists (__zone_watermark_ok): the small DMA zone of a large
    host keeps its large blocks, because lowmem_reserve is more than all of it.
    """
    if zone.min_bytes is None:
        return True
    movable = gfp is not None and bool(gfp.is_movable)
    may_wait = gfp is None or gfp.can_direct_reclaim is not False
    share, set_aside = (1.0, _set_aside(zone)) if may_wait else (ATOMIC_SHARE, 0)
    return _open_bytes(zone, memory, movable=movable) - set_aside > zone.min_bytes * share


def _set_aside(zone: ZoneReport) -> int:
    """What is kept for requests that may not wait; kernels 4.4 to 4.18 show it only by the letter H."""
    told = zone.free_highatomic_bytes or zone.reserved_highatomic_bytes
    if told is not None:
        return told
    return PAGEBLOCK_BYTES if any("H" in (block.letters or "") for block in zone.blocks) else 0


def _open_bytes(zone: ZoneReport, memory: MemInfoReport, *, movable: bool) -> int:
    """Free memory but what is reserved for requests of lower zones, and CMA's where it is not open to it."""
    cma = 0 if movable else zone.free_cma_bytes or 0
    return (zone.free_bytes or 0) - _reserve(zone, memory, movable=movable) - cma


def _reserve(zone: ZoneReport, memory: MemInfoReport, *, movable: bool) -> int:
    pages = zone.lowmem_reserve_pages
    if not pages:
        return 0
    present = [name for name in _ZONE_NAMES if any(other.zone == name for other in memory.zones)]
    if movable or not {"HighMem", "Movable"} & set(present):
        return pages[-1] * memory.page_bytes  # zones without memory add nothing to those below them
    index = present.index("Normal") if "Normal" in present else len(present) - 1
    return pages[min(max(index, 0), len(pages) - 1)] * memory.page_bytes


def _is_dry(zone: ZoneReport) -> bool:
    """At or below its low watermark, where kswapd runs and requests begin to reclaim themselves."""
    limit = zone.low_bytes if zone.low_bytes is not None else zone.min_bytes
    return zone.free_bytes is not None and limit is not None and zone.free_bytes <= limit


def unusable_index(zone: ZoneReport, order: int) -> float | None:
    """The share of the zone's free memory that is no use to a request of ``order`` (0 good, 1 bad)."""
    free = sum(block.count << block.order for block in zone.blocks)
    if not free:
        return None
    suitable = sum(block.count << block.order for block in zone.blocks if block.order >= order)
    return (free - suitable) / free


def fragmentation_index(zone: ZoneReport, order: int) -> float | None:
    """Towards 0: too little memory, towards 1: fragmented; None where such a request succeeds."""
    blocks = sum(block.count for block in zone.blocks)
    if not blocks or any(block.count for block in zone.blocks if block.order >= order):
        return None
    free = sum(block.count << block.order for block in zone.blocks)
    return (1000 - (1000 + 1000 * free // (1 << order)) // blocks) / 1000


def zone_name(zone: ZoneReport) -> str:
    """A zone with its node, as the kernel spells it."""
    return zone.zone if zone.node is None else f"node {zone.node} zone {zone.zone}"
