"""The free blocks of each zone and what they are good for (mm/vmstat.c, fill_contig_page_info)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kvmedic.model.gap import Missing, Reason
from kvmedic.model.memory import FreeArea, Zone
from kvmedic.model.zone_facts import ZoneFacts


def derive_zones(
    areas: Sequence[FreeArea] | Missing, zoneinfo: Sequence[Zone] | Missing
) -> tuple[ZoneFacts, ...] | Missing:
    """A ZoneFacts for each populated zone; a gap where /proc/buddyinfo is one.

    ``zoneinfo`` may be a gap: then each zone carries it in place of its watermarks.
    """
    if isinstance(areas, Missing):
        return areas
    if isinstance(zoneinfo, Missing):
        return tuple(_zone_facts(area, zoneinfo) for area in areas)
    by_key = {(zone.node, zone.zone): zone for zone in zoneinfo}
    return tuple(_zone_facts(area, by_key) for area in areas)


def blocks_at_least(free_blocks: Sequence[int]) -> tuple[int, ...]:
    """For each order, how many disjoint blocks of it are to be had: Σ n_k · 2^(k−order) for k ≥ order."""
    suitable: list[int] = []
    above = 0
    for blocks in reversed(free_blocks):
        above = above * 2 + blocks
        suitable.append(above)
    return tuple(reversed(suitable))


def unusable_thousandths(free_blocks: Sequence[int], order: int) -> int:
    """The kernel's unusable_free_index: thousandths of the free memory that order ``order`` cannot use."""
    free_pages = _free_pages(free_blocks)
    if free_pages == 0:
        return 1000
    usable = blocks_at_least(free_blocks)[order] << order
    return (free_pages - usable) * 1000 // free_pages


def fragmentation_thousandths(free_blocks: Sequence[int], order: int) -> int:
    """The kernel's fragmentation_index for a request that would fail; −1000 where it would succeed.

    Towards 0 it fails for lack of memory, towards 1000 for fragmentation. Below 0 (down to −500) where
    very few blocks of just the next lower order are free.
    """
    blocks = sum(free_blocks)
    if blocks == 0:
        return 0
    if blocks_at_least(free_blocks)[order] > 0:
        return -1000
    free_pages = _free_pages(free_blocks)
    return 1000 - (1000 + (free_pages * 1000 >> order)) // blocks


def _free_pages(free_blocks: Sequence[int]) -> int:
    return sum(blocks << order for order, blocks in enumerate(free_blocks))


def _zone_facts(area: FreeArea, zoneinfo: Mapping[tuple[int, str], Zone] | Missing) -> ZoneFacts:
    orders = range(len(area.free_blocks))
    indices = [fragmentation_thousandths(area.free_blocks, order) for order in orders]
    return ZoneFacts(
        node=area.node,
        zone=area.zone,
        free_blocks=area.free_blocks,
        free_pages=_free_pages(area.free_blocks),
        blocks_at_least=blocks_at_least(area.free_blocks),
        unusable_index=tuple(unusable_thousandths(area.free_blocks, order) / 1000 for order in orders),
        fragmentation_index=tuple(None if index == -1000 else index / 1000 for index in indices),
        zoneinfo=_zone_of(area, zoneinfo),
    )


def _zone_of(area: FreeArea, zoneinfo: Mapping[tuple[int, str], Zone] | Missing) -> Zone | Missing:
    if isinstance(zoneinfo, Missing):
        return zoneinfo
    found = zoneinfo.get((area.node, area.zone))
    detail = f"no zone {area.zone} of node {area.node}"
    return found or Missing(source="proc/zoneinfo", reason=Reason.NOT_UNDERSTOOD, detail=detail)
