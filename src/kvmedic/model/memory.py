"""What the kernel says of its memory: one record for each source. Units: bytes and pages as named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from kvmedic.model.gap import Missing
from kvmedic.model.record import Record


class Meminfo(Record, frozen=True, kw_only=True):
    """/proc/meminfo (or a node's), in bytes; ``counts`` holds its HugePages_* lines, in pages.

    Keys as the kernel spells them ("MemFree", "Active(anon)"). Unknown keys are kept.
    """

    source: str
    bytes_of: Mapping[str, int]
    counts: Mapping[str, int]

    def __getitem__(self, key: str) -> int:
        """The bytes of ``key``; a KeyError where this kernel does not print it."""
        return self.bytes_of[key]

    def get(self, key: str) -> int | None:
        """The bytes of ``key``, or None where this kernel does not print it."""
        return self.bytes_of.get(key)


class FreeArea(Record, frozen=True, kw_only=True):
    """A line of /proc/buddyinfo: free blocks (not pages) by order in one zone of one NUMA node."""

    node: int
    zone: str
    free_blocks: tuple[int, ...]


class ZoneIndex(Record, frozen=True, kw_only=True):
    """A row of debugfs' extfrag files: an index by order, in thousandths (−1000: it would succeed)."""

    node: int
    zone: str
    thousandths: tuple[int, ...]


class Zone(Record, frozen=True, kw_only=True):
    """A zone of /proc/zoneinfo, in pages. ``min_pages`` and its kin already include ``boost``.

    ``counters`` holds every other "name number" line of the zone ("nr_free_pages", "boost", "promo", …).
    ``node_counters`` holds the per-node statistics that the kernel prints under a node's first zone.
    An unpopulated zone (``present_pages`` 0) has no start and no watermarks to speak of.
    """

    node: int
    zone: str
    free_pages: int
    min_pages: int
    low_pages: int
    high_pages: int
    spanned_pages: int
    present_pages: int
    managed_pages: int
    protection_pages: tuple[int, ...]
    start_pfn: int | None
    pcp_pages: int
    counters: Mapping[str, int]
    node_counters: Mapping[str, int]


class PressureLine(Record, frozen=True, kw_only=True):
    """One line of a pressure file: shares of time in percent, and the total in microseconds."""

    avg10_percent: float
    avg60_percent: float
    avg300_percent: float
    total_us: int


class Pressure(Record, frozen=True, kw_only=True):
    """Pressure stall information of one resource; ``full`` is absent for cpu on old kernels."""

    some: PressureLine
    full: PressureLine | None


class HugepagePool(Record, frozen=True, kw_only=True):
    """A pool of hugetlb pages of one size, on one node or (``node`` None) on the whole host; in pages."""

    node: int | None
    page_size_bytes: int
    total_pages: int
    free_pages: int
    reserved_pages: int | None
    surplus_pages: int | None
    overcommit_pages: int | None


class Swap(Record, frozen=True, kw_only=True):
    """A line of /proc/swaps."""

    name: str
    size_bytes: int
    used_bytes: int
    priority: int


class SlabCache(Record, frozen=True, kw_only=True):
    """One slab cache as /sys/kernel/slab shows it: object size in bytes, order of the blocks it asks for."""

    name: str
    object_size_bytes: int
    order: int
    objects_per_slab: int


class TransparentHugepages(Record, frozen=True, kw_only=True):
    """Settings and statistics below /sys/kernel/mm/transparent_hugepage, as far as this kernel has them.

    ``settings`` maps paths below that directory to the chosen word or number ("enabled" → "madvise",
    "khugepaged/max_ptes_none" → "511"). ``stats`` maps a folio size in bytes to its counters
    (hugepages-2048kB/stats/nr_anon_partially_mapped, …).
    """

    settings: Mapping[str, str]
    pmd_size_bytes: int | Missing
    stats: Mapping[int, Mapping[str, int]]


class MigratetypeFreeArea(Record, frozen=True, kw_only=True):
    """A row of /proc/pagetypeinfo's first table: free blocks by order of one migratetype.

    A count at which the kernel stopped counting (">100000") is in ``lower_bounds`` by its order.
    """

    node: int
    zone: str
    migratetype: str
    free_blocks: tuple[int, ...]
    lower_bounds: tuple[int, ...]


class Pagetypeinfo(Record, frozen=True, kw_only=True):
    """/proc/pagetypeinfo: the free blocks by migratetype, and the pageblocks of each type by (node, zone)."""

    pageblock_order: int
    free: tuple[MigratetypeFreeArea, ...]
    pageblocks: tuple[tuple[int, str, Mapping[str, int]], ...]


class SlabUse(Record, frozen=True, kw_only=True):
    """A line of /proc/slabinfo, in bytes where it is memory."""

    name: str
    active_objects: int
    total_objects: int
    object_size_bytes: int
    total_bytes: int


PressureResource = Literal["memory", "cpu", "io"]
