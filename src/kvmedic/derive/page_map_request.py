"""A request for a page map from what is already known of the host."""

from __future__ import annotations

from kvmedic.model.gap import Missing
from kvmedic.model.memory import Zone
from kvmedic.model.page_map import Method
from kvmedic.model.page_map_request import DomainProcess, PageMapRequest, ZoneSpan

_USUAL_PMD_BYTES = 2 << 20
_MOST_PAGEBLOCK_BYTES = 4 << 20
"""A pageblock is never larger than the largest block of the buddy allocator (order 10 of 4 KiB pages)."""


def page_map_request(
    method: Method,
    domains: tuple[DomainProcess, ...],
    zones: tuple[Zone, ...],
    *,
    page_size_bytes: int,
    pmd_size_bytes: int | Missing,
    pageblock_order: int | None,
    exact_map_counts: bool | None,
    seed: int,
    threads: int,
    frames_per_s: int | None = None,
) -> PageMapRequest:
    """The request. Without ``pageblock_order`` (/proc/pagetypeinfo) a pageblock is as large as a huge page.

    ``exact_map_counts``: False with CONFIG_NO_PAGE_MAPCOUNT, None where that is not known (the reader tries).
    """
    pmd_bytes = _USUAL_PMD_BYTES if isinstance(pmd_size_bytes, Missing) else pmd_size_bytes
    usual = min(pmd_bytes, max(_MOST_PAGEBLOCK_BYTES, _USUAL_PMD_BYTES))
    order = _order(usual, page_size_bytes) if pageblock_order is None else pageblock_order
    return PageMapRequest(
        method=method,
        domains=domains,
        zones=tuple(_span(zone) for zone in zones if zone.start_pfn is not None and zone.spanned_pages > 0),
        page_size_bytes=page_size_bytes,
        pageblock_order=order,
        chunk_order=_order(pmd_bytes, page_size_bytes),
        exact_map_counts=exact_map_counts,
        frames_per_s=frames_per_s,
        threads=threads,
        seed=seed,
        proc="/proc",
    )


def _order(size_bytes: int, page_size_bytes: int) -> int:
    return (size_bytes // page_size_bytes).bit_length() - 1


def _span(zone: Zone) -> ZoneSpan:
    return ZoneSpan(
        node=zone.node,
        zone=zone.zone,
        start_pfn=zone.start_pfn or 0,
        spanned_pages=zone.spanned_pages,
        present_pages=zone.present_pages,
        managed_pages=zone.managed_pages,
        pcp_pages=zone.pcp_pages,
    )
