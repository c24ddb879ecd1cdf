"""What a page map is asked for, and with which knowledge."""

from __future__ import annotations

from kvmedic.model.page_map import Method
from kvmedic.model.record import Record


class DomainProcess(Record, frozen=True, kw_only=True):
    """A domain and the process that holds its memory."""

    name: str
    pid: int


class ZoneSpan(Record, frozen=True, kw_only=True):
    """A zone as /proc/zoneinfo describes it, in pages. ``pcp_pages`` lie on its per-CPU lists."""

    node: int
    zone: str
    start_pfn: int
    spanned_pages: int
    present_pages: int
    managed_pages: int
    pcp_pages: int


class PageMapRequest(Record, frozen=True, kw_only=True):
    """One map to be made.

    ``chunk_order`` is the largest order of a transparent folio (the PMD's). ``exact_map_counts``: whether
    this kernel counts mappings page by page (not so with
    CONFIG_NO_PAGE_MAPCOUNT); None: not known, so the reader tries. ``frames_per_s`` None
    means: as fast as it goes. ``seed`` chooses the sample. ``proc`` is where procfs is mounted.
    """

    method: Method
    domains: tuple[DomainProcess, ...]
    zones: tuple[ZoneSpan, ...]
    page_size_bytes: int
    pageblock_order: int
    chunk_order: int
    exact_map_counts: bool | None
    frames_per_s: int | None
    threads: int
    seed: int
    proc: str
