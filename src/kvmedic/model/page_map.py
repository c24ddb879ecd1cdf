"""The page map: whose physical memory is where, small enough to travel in a bundle.

Everything is an estimate when ``method`` is "sampled": the ``error_bytes`` beside a figure is the half-width
of its 95 % interval. In a full map errors are 0. Nothing in here names a single page frame.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from kvmedic.model.gap import Missing
from kvmedic.model.record import Record


class PageClass(StrEnum):
    """What a physical page frame is used for. Each frame of existing memory is in exactly one class."""

    FREE = "free"
    """On the buddy allocator's lists (not: on a per-CPU list)."""
    GUEST = "guest"
    """Small anonymous or shared pages that a domain's QEMU maps."""
    GUEST_THP = "guest-thp"
    """Pages of large anonymous folios that a domain's QEMU maps."""
    STRANDED = "stranded"
    """Pages of a domain's large folios that nobody maps any more: allocated, and of use to nobody."""
    ANONYMOUS = "anonymous"
    """Small anonymous pages of other processes (of anybody, where pages are not attributed)."""
    THP = "thp"
    """Pages of large anonymous folios of other processes (of anybody, where pages are not attributed)."""
    PAGE_CACHE = "page-cache"
    SHMEM = "shmem"
    """tmpfs and shared memory: in the page cache, but dropping caches does not free it."""
    SLAB = "slab"
    PAGE_TABLES = "page-tables"
    KERNEL = "kernel"
    """Other pages with a kernel use that a flag proves."""
    HUGETLB = "hugetlb"
    UNEVICTABLE = "unevictable"
    """Locked pages that no domain maps."""
    KSM = "ksm"
    RESERVED = "reserved"
    OFFLINE = "offline"
    """Given to a hypervisor below this host, or logically offline."""
    HWPOISON = "hwpoison"
    UNCLASSIFIED = "unclassified"
    """No flag and no mapping: per-CPU lists, memory not yet initialised, plain kernel allocations."""


Method = Literal["full", "sampled"]


class ClassTotal(Record, frozen=True, kw_only=True):
    """How much memory is of one class."""

    page_class: PageClass
    bytes: int
    error_bytes: int


class BlockKinds(Record, frozen=True, kw_only=True):
    """Pageblocks by what may be done with them; ``error`` is the half-width (95 %) of each count.

    empty: all free · movable: free and movable pages only · mixed: movable and unmovable pages together ·
    held: unmovable pages, and nothing movable · unknown: unclassified pages, and nothing unmovable.
    """

    empty: int
    movable: int
    mixed: int
    held: int
    unknown: int
    error: int


class DomainPages(Record, frozen=True, kw_only=True):
    """The physical memory of one domain, in bytes. ``error_bytes`` belongs to ``stranded_bytes``.

    ``anonymous_bytes`` are small pages, ``thp_bytes`` mapped pages of large folios. ``stranded_blocks``
    are the folios with stranded pages. ``shared_bytes`` are frames that other domains map too (KSM, fork).
    """

    name: str
    pid: int
    anonymous_bytes: int
    thp_bytes: int
    shmem_bytes: int
    hugetlb_bytes: int
    shared_bytes: int
    resident_error_bytes: int
    stranded_bytes: int | Missing
    stranded_blocks: int | Missing
    error_bytes: int


class Label(Record, frozen=True, kw_only=True):
    """What a part of a cell is: a class, and the domain where it is a guest's."""

    page_class: PageClass
    domain: str | None


class Cell(Record, frozen=True, kw_only=True, array_like=True):
    """A few neighbouring pageblocks: shares of its existing pages by label, in 1/1000, largest first.

    ``parts`` is (label index, share, label index, share, …); empty means a hole in the address space.
    ``held_permille`` is the share of its pageblocks that unmovable pages keep from becoming whole.
    """

    parts: tuple[int, ...]
    held_permille: int


class ZonePages(Record, frozen=True, kw_only=True):
    """One zone: totals, kinds of blocks, and its picture, in the order of addresses."""

    node: int
    zone: str
    start_pfn: int
    spanned_pages: int
    totals: tuple[ClassTotal, ...]
    blocks: BlockKinds
    blocks_per_cell: int
    cells: tuple[Cell, ...]


ForecastRemedy = Literal[
    "release-stranded-memory", "compact-memory", "migrate-domain", "drop-page-cache", "reboot-host"
]


class Forecast(Record, frozen=True, kw_only=True):
    """What one remedy would give back: bytes that become free, and pageblocks that become wholly free.

    A range, where the truth depends on what a map cannot see; ``basis`` says in a phrase what was assumed.
    Sampled figures carry ``error_bytes``. Blocks are gaps where a sample cannot tell.
    """

    remedy: ForecastRemedy
    domain: str | None
    least_bytes: int
    most_bytes: int
    least_blocks: int | Missing
    most_blocks: int | Missing
    error_bytes: int
    basis: str


class PageMap(Record, frozen=True, kw_only=True):
    """The map of one host. ``frames_read`` of ``frames`` entries of kpageflags were read.

    ``unexplained_bytes`` is what remains of the unclassified memory after memory that exists but was never
    given to the allocator (present − managed) and the per-CPU lists; a gap where zoneinfo was not given.
    """

    method: Method
    page_size_bytes: int
    pageblock_order: int
    frames: int
    frames_read: int
    seed: int | None
    duration_s: float
    totals: tuple[ClassTotal, ...]
    blocks: BlockKinds
    domains: tuple[DomainPages, ...]
    zones: tuple[ZonePages, ...]
    labels: tuple[Label, ...]
    forecasts: tuple[Forecast, ...]
    unexplained_bytes: int | Missing
    gaps: tuple[Missing, ...]

    def total(self, page_class: PageClass) -> int:
        """Bytes of one class; 0 where no page of it was seen."""
        return next((row.bytes for row in self.totals if row.page_class is page_class), 0)

    def domain(self, name: str) -> DomainPages | None:
        """The row of the domain ``name``, or None."""
        return next((row for row in self.domains if row.name == name), None)


class StrandedRange(Record, frozen=True, kw_only=True):
    """Virtual addresses of one process that map folios with stranded pages: what MADV_COLD is given.

    ``stranded_bytes`` counts each folio once, at the range that maps it first.
    """

    start: int
    length: int
    stranded_bytes: int
