"""The page map put together from counts by pageblock, read whole or by sample."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kvmedic.derive.block_counts import BlockCounts
from kvmedic.derive.block_kinds import Blocks, Table, answers_of, blocks_of, kinds_of, pages_of
from kvmedic.derive.forecast_contiguity import Forecaster, ZoneAnswers
from kvmedic.derive.page_cells import blocks_per_cell, cells_of, labels_of
from kvmedic.derive.page_classes import CLASS_INDEX, CLASSES, HOLE, IDLE_FILE
from kvmedic.derive.page_sample import Design, estimate
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.page_map import (
    BlockKinds,
    ClassTotal,
    DomainPages,
    Forecast,
    PageClass,
    PageMap,
    ZonePages,
)
from kvmedic.model.page_map_request import PageMapRequest, ZoneSpan

_UNCLASSIFIED = CLASS_INDEX[PageClass.UNCLASSIFIED]
_FROM_CGROUPS = (
    (PageClass.GUEST, PageClass.ANONYMOUS),
    (PageClass.GUEST_THP, PageClass.THP),
    (PageClass.STRANDED, PageClass.THP),
)
"""What sampled blocks show of domains, by cgroup; the domains' own samples say it better."""
_LIKE_ZONES = Missing(source="proc/zoneinfo", reason=Reason.NOT_COLLECTED, detail="zones were not given")


class ZoneBlocks(NamedTuple):
    """The pageblocks of one zone as they were read: all of them, or those that ``design`` drew.

    ``voters`` is the domain that stands for a block in the picture (0: none, or not attributed).
    """

    span: ZoneSpan
    design: Design
    by_class: Table
    voters: NDArray[np.integer]


class ZoneResult(NamedTuple):
    """A zone's estimates in pages: by class, kinds of blocks, answers for forecasts; and their errors."""

    zone: ZoneBlocks
    blocks: Blocks
    pages: NDArray[np.float64]
    page_errors: NDArray[np.float64]
    kinds: NDArray[np.float64]
    kind_errors: NDArray[np.float64]
    answers: ZoneAnswers
    block_pages: int


def everything(blocks: int) -> Design:
    """The design of a full map."""
    return Design(np.arange(blocks), np.arange(blocks + 1), True)


def spans_or_whole(request: PageMapRequest, frames: int) -> tuple[ZoneSpan, ...]:
    """The populated zones of the request in the order of addresses; without any, one that is everything."""
    whole = ZoneSpan(
        node=0,
        zone="all",
        start_pfn=0,
        spanned_pages=frames,
        present_pages=frames,
        managed_pages=frames,
        pcp_pages=0,
    )
    populated = [zone for zone in request.zones if zone.spanned_pages > 0]
    return tuple(sorted(populated, key=lambda zone: zone.start_pfn)) or (whole,)


def block_ranges(spans: tuple[ZoneSpan, ...], frames: int, block_pages: int) -> tuple[tuple[int, int], ...]:
    """(first block, blocks) of each zone; a block at a border goes to the lower zone, and to it alone."""
    ranges, taken = [], 0
    for span in spans:
        first = max(taken, span.start_pfn // block_pages)
        end = max(first, -(-min(frames, span.start_pfn + span.spanned_pages) // block_pages))
        ranges.append((first, end - first))
        taken = end
    return tuple(ranges)


def examine_zone(zone: ZoneBlocks, block_pages: int) -> ZoneResult:
    """Totals, kinds and answers of one zone."""
    blocks = blocks_of(zone.by_class)
    pages = estimate(zone.design, zone.by_class, block_pages)
    kinds = estimate(zone.design, kinds_of(blocks), 1)
    answers = estimate(zone.design, answers_of(blocks), 1)
    totals = _without_holes(pages.totals.copy(), zone.span)
    return ZoneResult(
        zone,
        blocks,
        totals,
        pages.errors,
        kinds.totals,
        kinds.errors,
        ZoneAnswers(answers.totals, answers.errors),
        block_pages,
    )


def _without_holes(pages: NDArray[np.float64], span: ZoneSpan) -> NDArray[np.float64]:
    """Take out of the unclassified what is no memory at all: some kernels show holes as 0, not as NOPAGE."""
    unflagged = max(0.0, span.spanned_pages - span.present_pages - pages[HOLE])
    hidden = min(pages[_UNCLASSIFIED], unflagged)
    pages[_UNCLASSIFIED] -= hidden
    pages[HOLE] += hidden
    return pages


def assemble(
    request: PageMapRequest,
    zones: tuple[ZoneBlocks, ...],
    domains: tuple[DomainPages, ...],
    *,
    blocks_of_domain: tuple[int, ...] | None,
    gaps: tuple[Missing, ...],
    frames: int,
    frames_read: int,
    duration_s: float,
) -> PageMap:
    """The map of a host from its zones and domains."""
    block_pages = 1 << request.pageblock_order
    results = tuple(examine_zone(zone, block_pages) for zone in zones)
    size = request.page_size_bytes
    pages = np.sum([result.pages for result in results], axis=0)
    errors = np.sqrt(np.sum([result.page_errors**2 for result in results], axis=0))
    if request.method == "sampled":
        pages, errors = _attributed(pages, errors, domains, size)
    totals = _totals(pages, errors, size)
    return PageMap(
        method=request.method,
        page_size_bytes=size,
        pageblock_order=request.pageblock_order,
        frames=frames,
        frames_read=frames_read,
        seed=request.seed if request.method == "sampled" else None,
        duration_s=duration_s,
        totals=totals,
        blocks=_kinds_of_all(results),
        domains=domains,
        zones=tuple(_zone_pages(result, request, results) for result in results),
        labels=labels_of(tuple(domain.name for domain in request.domains)),
        forecasts=_forecasts(
            results, totals, round(float(pages[IDLE_FILE])) * size, domains, blocks_of_domain
        ),
        unexplained_bytes=_unexplained(request, pages),
        gaps=gaps,
    )


def _forecasts(
    results: tuple[ZoneResult, ...],
    totals: tuple[ClassTotal, ...],
    idle_cache_bytes: int,
    domains: tuple[DomainPages, ...],
    blocks_of_domain: tuple[int, ...] | None,
) -> tuple[Forecast, ...]:
    return Forecaster(
        bytes_of={row.page_class: row.bytes for row in totals},
        error_of={row.page_class: row.error_bytes for row in totals},
        idle_cache_bytes=idle_cache_bytes,
        zones=tuple(result.answers for result in results),
        block_pages=results[0].block_pages,
        domains=domains,
        blocks_of_domain=blocks_of_domain,
    ).all()


def _kinds_of_all(results: tuple[ZoneResult, ...]) -> BlockKinds:
    kinds = np.sum([result.kinds for result in results], axis=0)
    return _block_kinds(kinds, np.sqrt(np.sum([result.kind_errors**2 for result in results], axis=0)))


def _totals(pages: NDArray[np.float64], errors: NDArray[np.float64], size: int) -> tuple[ClassTotal, ...]:
    return tuple(
        ClassTotal(
            page_class=page_class,
            bytes=round(float(pages[column])) * size,
            error_bytes=round(float(errors[column])) * size,
        )
        for column, page_class in enumerate(CLASSES)
    )


def _block_kinds(kinds: NDArray[np.float64], errors: NDArray[np.float64]) -> BlockKinds:
    empty, movable, mixed, held, unknown = (round(float(count)) for count in kinds)
    error = int(np.ceil(errors.max()))
    return BlockKinds(empty=empty, movable=movable, mixed=mixed, held=held, unknown=unknown, error=error)


def _zone_pages(result: ZoneResult, request: PageMapRequest, results: tuple[ZoneResult, ...]) -> ZonePages:
    zone = result.zone
    read = sum(len(other.blocks.memory) for other in results)
    per_cell = blocks_per_cell(read)
    units = zone.design.edges[-1] / max(1, zone.design.units.size)
    return ZonePages(
        node=zone.span.node,
        zone=zone.span.zone,
        start_pfn=zone.span.start_pfn,
        spanned_pages=zone.span.spanned_pages,
        totals=_totals(result.pages, result.page_errors, request.page_size_bytes),
        blocks=_block_kinds(result.kinds, result.kind_errors),
        blocks_per_cell=max(1, round(per_cell * float(units))),
        cells=cells_of(result.blocks, zone.voters, len(request.domains), per_cell),
    )


def _attributed(
    pages: NDArray[np.float64], errors: NDArray[np.float64], domains: tuple[DomainPages, ...], size: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Move what the domains' own samples found out of the unattributed classes, as far as it is there."""
    pages, errors = pages.copy(), errors.copy()
    for guests, everybody in _FROM_CGROUPS:
        pages[CLASS_INDEX[everybody]] += pages[CLASS_INDEX[guests]]
        pages[CLASS_INDEX[guests]] = 0
    stranded = sum(d.stranded_bytes for d in domains if not isinstance(d.stranded_bytes, Missing)) / size
    moves = (
        (PageClass.ANONYMOUS, PageClass.GUEST, sum(domain.anonymous_bytes for domain in domains) / size),
        (PageClass.SHMEM, PageClass.GUEST, sum(domain.shmem_bytes for domain in domains) / size),
        (PageClass.THP, PageClass.GUEST_THP, sum(domain.thp_bytes for domain in domains) / size),
        (PageClass.THP, PageClass.STRANDED, stranded),
    )
    for source, target, moved in moves:
        pages[CLASS_INDEX[target]] += moved
        pages[CLASS_INDEX[source]] = max(0.0, pages[CLASS_INDEX[source]] - moved)
    resident = np.sqrt(sum(float(domain.resident_error_bytes) ** 2 for domain in domains)) / size
    errors[[CLASS_INDEX[PageClass.GUEST], CLASS_INDEX[PageClass.GUEST_THP]]] = resident
    of_stranded = np.sqrt(sum(float(domain.error_bytes) ** 2 for domain in domains)) / size
    errors[CLASS_INDEX[PageClass.STRANDED]] = of_stranded
    for source in (PageClass.ANONYMOUS, PageClass.THP, PageClass.SHMEM):
        errors[CLASS_INDEX[source]] = np.hypot(errors[CLASS_INDEX[source]], np.hypot(resident, of_stranded))
    return pages, errors


def _unexplained(request: PageMapRequest, pages: NDArray[np.float64]) -> int | Missing:
    """Unclassified memory that the allocator got (or is flagged reserved), and is on no CPU's list."""
    if not request.zones:
        return _LIKE_ZONES
    never_given = sum(zone.present_pages - zone.managed_pages for zone in request.zones)
    per_cpu = sum(zone.pcp_pages for zone in request.zones)
    unflagged = max(0.0, never_given - float(pages[CLASS_INDEX[PageClass.RESERVED]]))
    return round(max(0.0, float(pages[_UNCLASSIFIED]) - unflagged - per_cpu)) * request.page_size_bytes


def blocks_freed_by_migration(counts: BlockCounts, domains: int) -> tuple[int, ...]:
    """For each domain, the pageblocks that only it keeps from being wholly free."""
    kinds = (PageClass.GUEST, PageClass.GUEST_THP, PageClass.STRANDED)
    blocks = blocks_of(counts.by_class)
    theirs = pages_of(counts.by_class, kinds)
    freed = blocks.becomes_empty(theirs)
    by_owner = np.bincount(counts.owner[freed], minlength=domains + 2)
    return tuple(int(count) for count in by_owner[1 : domains + 1])
