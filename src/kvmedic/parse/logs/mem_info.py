"""The Mem-Info part of OOM and allocation reports (mm/page_alloc.c, mm/show_mem.c: ``show_mem``).

Kernels 3.2 to 6.18 print the same skeleton with other keys: nothing here asks for a version, every key is
kept by the name the line gives it. On kernels without NUMA the zone lines have no ``Node``.
"""

from __future__ import annotations

import re

from kvmedic.model.memory_report import FreeBlocks, HugepagesReport, MemInfoReport, NodeReport, ZoneReport
from kvmedic.parse.logs.numbers import kib, whole

_ZONE = re.compile(r"(?:Node (\d{1,5}) )?(DMA32|DMA|Normal|HighMem|Movable|Device) free:")
_BLOCKS = re.compile(r"(?:Node (\d{1,5}) )?(DMA32|DMA|Normal|HighMem|Movable|Device): ((?:\d+\*\d+kB).*)")
_BLOCK = re.compile(r"(\d{1,12})\*(\d{1,9})kB(?: \(([A-Z]{1,8})\))?")
_NODE = re.compile(r"Node (\d{1,5}) (?=active_anon:)")
_SIZES = re.compile(r"([a-zA-Z_()]+): ?(\d{1,15})[kK]B")
_PAGES = re.compile(r"([a-z_]+):(\d{1,15})(?![\dkK])")
_RECLAIM = re.compile(r"all_unreclaimable\? (yes|no)")
_HUGE = re.compile(
    r"Node (\d{1,5}) hugepages_total=(\d+) hugepages_free=(\d+) hugepages_surp=(\d+) hugepages_size=(\d+)kB"
)
_RESERVE = re.compile(r"lowmem_reserve\[\]:((?: \d{1,12})*)")
_SWAP = re.compile(r"(Free|Total) swap *= *(\d{1,15})kB")
_SLAB = re.compile(r"(\S.{0,64}?) +\d{1,12}KB +(\d{1,12})KB\s*$")
_COUNT = re.compile(r"(\d{1,15}) pages (RAM|reserved|in swap cache)|(\d{1,15}) (?:total pagecache pages)")
_LEAD = re.compile(
    r"Mem-[Ii]nfo:|(?:Node \d+ )?(?:DMA32|DMA|Normal|HighMem|Movable|Device) per-cpu:|CPU +\d+: hi:|"
    r"Swap cache stats:|\d+ pages (?:HighMem|cma|hwpoisoned|shared|non-shared|in pagetable)|"
    r"Balloon |Unreclaimable slab info:|Name +Used +Total|Node \d+ (?:hugepages|active)"
)


_ESCAPED_LINE_END = "#012"
"""rsyslog writes the line ends inside one message of the kernel so."""


def is_zone_line(message: str) -> bool:
    """True for a line with the watermarks or with the free blocks of a zone that has much to say."""
    match = _ZONE.match(message) or _BLOCKS.match(message)
    return match is not None and match[2] != "DMA"


class _Zone:
    def __init__(self, node: int | None, zone: str) -> None:
        self.node, self.zone = node, zone
        self.sizes: dict[str, int] = {}
        self.is_all_unreclaimable: bool | None = None
        self.reserve: tuple[int, ...] = ()
        self.blocks: tuple[FreeBlocks, ...] = ()

    def report(self) -> ZoneReport:
        rest = dict(self.sizes)
        return ZoneReport(
            node=self.node,
            zone=self.zone,
            free_bytes=rest.pop("free", None),
            boost_bytes=rest.pop("boost", None),
            min_bytes=rest.pop("min", None),
            low_bytes=rest.pop("low", None),
            high_bytes=rest.pop("high", None),
            reserved_highatomic_bytes=rest.pop("reserved_highatomic", None),
            free_highatomic_bytes=rest.pop("free_highatomic", None),
            free_cma_bytes=rest.pop("free_cma", None),
            present_bytes=rest.pop("present", None),
            managed_bytes=rest.pop("managed", None),
            is_all_unreclaimable=self.is_all_unreclaimable,
            other=rest,
            lowmem_reserve_pages=self.reserve,
            blocks=self.blocks,
        )


class MemInfoParts:
    """Collects Mem-Info line by line; ``claims`` is true for every line that belongs to it."""

    def __init__(self) -> None:
        self._pages: dict[str, int] = {}
        self._nodes: list[NodeReport] = []
        self._zones: dict[tuple[int | None, str], _Zone] = {}
        self._latest: _Zone | None = None
        self._huge: list[HugepagesReport] = []
        self._swap: dict[str, int | None] = {}
        self._counts: dict[str, int | None] = {}
        self._slabs: dict[str, int] = {}
        self._page_bytes: int | None = None

    def claims(self, message: str) -> bool:
        """Take the line if it is part of a memory report."""
        if message.startswith(("Node ", "DMA", "Normal", "HighMem", "Movable")):
            return self._take_place(message) or _LEAD.match(message) is not None
        if message.startswith("lowmem_reserve"):
            return self._take_reserve(message)
        if message.lstrip()[:1].islower():
            return (":" in message and self._take_counters(message)) or self._take_slab(message)
        return self._take_total(message) or self._take_slab(message) or _LEAD.match(message) is not None

    def _take_place(self, message: str) -> bool:
        return self._take_zone(message) or self._take_blocks(message) or self._take_node(message)

    def _zone(self, node: str | None, zone: str) -> _Zone:
        key = (whole(node), zone)
        if key not in self._zones and len(self._zones) >= 1024:
            return _Zone(*key)
        return self._zones.setdefault(key, _Zone(*key))

    def _take_zone(self, message: str) -> bool:
        match = _ZONE.match(message)
        if match is None:
            return False
        zone = self._latest = self._zone(match[1], match[2])
        zone.sizes.update((key, int(value) << 10) for key, value in _SIZES.findall(message))
        unreclaimable = _RECLAIM.search(message)
        zone.is_all_unreclaimable = unreclaimable[1] == "yes" if unreclaimable else None
        return True

    def _take_blocks(self, message: str) -> bool:
        match = _BLOCKS.match(message)
        if match is None:
            return False
        found = _BLOCK.findall(match[3])
        if self._page_bytes is None and found and int(found[0][1]) in (4, 8, 16, 64):
            self._page_bytes = int(found[0][1]) << 10
        pages = (self._page_bytes or 4096) >> 10
        self._zone(match[1], match[2]).blocks = tuple(
            FreeBlocks(
                order=max(int(size) // pages, 1).bit_length() - 1, count=int(count), letters=letters or None
            )
            for count, size, letters in found[:32]
        )
        return True

    def _take_node(self, message: str) -> bool:
        huge = _HUGE.match(message)
        if huge is not None:
            if len(self._huge) < 256 and (whole(huge[5]) or 0):
                self._huge.append(_hugepages(huge))
            return True
        match = _NODE.match(message)
        if match is None:
            return False
        sizes = {key: int(value) << 10 for key, value in _SIZES.findall(message)}
        unreclaimable = _RECLAIM.search(message)
        if len(self._nodes) < 256:
            self._nodes.append(
                NodeReport(
                    node=int(match[1]),
                    sizes_bytes=sizes,
                    is_all_unreclaimable=unreclaimable[1] == "yes" if unreclaimable else None,
                )
            )
        return True

    def _take_reserve(self, message: str) -> bool:
        match = _RESERVE.match(message)
        if match is not None and self._latest is not None:
            self._latest.reserve = tuple(int(word) for word in match[1].split()[:16])
        return match is not None

    def _take_total(self, message: str) -> bool:
        swap = _SWAP.match(message)
        if swap is not None:
            self._swap[swap[1]] = kib(swap[2])
            return True
        count = _COUNT.match(message)
        if count is not None:
            self._counts[count[2] or "pagecache"] = whole(count[1] or count[3])
        return count is not None

    def _take_slab(self, message: str) -> bool:
        match = _SLAB.match(message) if message.endswith("KB") else None
        if match is not None and len(self._slabs) < 512:
            self._slabs[match[1]] = int(match[2]) << 10
        return match is not None

    def _take_counters(self, message: str) -> bool:
        """The global counters: nothing but ``key:pages``, several lines, the later ones indented."""
        message = " ".join(message.replace(_ESCAPED_LINE_END, " ").split())
        found = _PAGES.findall(message)
        if not found or sum(len(key) + len(value) + 2 for key, value in found) < len(message):
            return False
        for key, value in found:
            if len(self._pages) < 96:
                self._pages.setdefault(key, int(value))
        return True

    def build(self) -> MemInfoReport | None:
        """What was said; None when nothing of it came."""
        if not (self._pages or self._zones or self._nodes or self._swap or self._counts):
            return None
        return MemInfoReport(
            pages=self._pages,
            nodes=tuple(self._nodes),
            zones=tuple(zone.report() for zone in self._zones.values()),
            hugepages=tuple(self._huge),
            swap_total_bytes=self._swap.get("Total"),
            swap_free_bytes=self._swap.get("Free"),
            ram_pages=self._counts.get("RAM"),
            reserved_pages=self._counts.get("reserved"),
            page_bytes=self._page_bytes or 4096,
            unreclaimable_slabs_bytes=_largest(self._slabs) if self._slabs else None,
        )


def _largest(slabs: dict[str, int], kept: int = 24) -> dict[str, int]:
    return dict(sorted(slabs.items(), key=lambda slab: -slab[1])[:kept])


def _hugepages(match: re.Match[str]) -> HugepagesReport:
    return HugepagesReport(
        node=int(match[1]),
        size_bytes=int(match[5][:12]) << 10,
        total=int(match[2][:12]),
        free=int(match[3][:12]),
        surplus=int(match[4][:12]),
        reserved=None,
    )
