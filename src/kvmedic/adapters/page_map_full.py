"""The full page map: every frame's flags, read in windows by a few threads, within bounded memory.

Physical memory is taken in parts (``PART_FRAMES``), for each of which the owners of frames fit into
64 MiB; the page tables of the domains are read once a part. ``preadv`` releases the interpreter, so one
thread reads while another classifies.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from kvmedic.adapters.page_map_source import FrameSource, Words, count_frames, gap_of, read_whole
from kvmedic.derive.block_counts import BlockCounts, confirmed, suspects
from kvmedic.derive.page_classes import NOPAGE_BIT, OWNED, Classifier, Codes, Counts
from kvmedic.derive.page_owners import Owners, owner_bytes, present_frames
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.page_map_request import DomainProcess, PageMapRequest
from kvmedic.parse.process_maps import Mapping

PART_FRAMES = 1 << 26
WINDOW_FRAMES = 1 << 16
_HOLE = int(NOPAGE_BIT)

Report = Callable[[str, float], None]
"""Called with what is being read ("frames", "domain 4711") and the share of it that is done."""


class Pace:
    """Keeps a stated rate of frames a second over all threads, by sleeping."""

    def __init__(self, frames_per_s: int | None) -> None:
        self._rate = frames_per_s
        self._started = time.monotonic()
        self._done = 0

    def wait(self, frames: int) -> None:
        """Account for ``frames`` and sleep until they are due."""
        if self._rate is None:
            return
        self._done += frames
        ahead = self._done / self._rate - (time.monotonic() - self._started)
        if ahead > 0:
            time.sleep(ahead)


def guest_areas(mappings: tuple[Mapping, ...]) -> tuple[Mapping, ...]:
    """The areas that can hold a guest's memory; not files, and not address space that is only reserved."""
    kinds = ("anonymous", "shared-memory", "hugetlb")
    return tuple(area for area in mappings if area.kind in kinds and area.is_readable)


def gap_without_pages(pid: int) -> Missing:
    """The gap that a process without a single page leaves: it is ending, or has ended."""
    detail = "the process has no memory (any more)"
    return Missing(source=f"proc/{pid}/pagemap", reason=Reason.NOT_FOUND, detail=detail)


class FullReader:
    """Reads one full map. Use once."""

    def __init__(self, source: FrameSource, request: PageMapRequest, report: Report) -> None:
        self._source, self._request, self._report = source, request, report
        self._block_pages = 1 << request.pageblock_order
        self._chunk_pages = max(self._block_pages, 1 << request.chunk_order)
        self._window = max(WINDOW_FRAMES, self._chunk_pages)
        self._frames = count_frames(source)
        chunks = -(-self._frames // self._chunk_pages)
        blocks = chunks * (self._chunk_pages // self._block_pages)
        self.counts = BlockCounts(blocks, len(request.domains), self._block_pages)
        self.entries: dict[int, int] = {}
        self.gaps: list[Missing] = []
        self._pace = Pace(request.frames_per_s)
        self._lock = threading.Lock()
        self._own = threading.local()

    @property
    def frames(self) -> int:
        """How many frames there are."""
        return self._frames

    def run(self) -> None:
        """Read everything into ``counts``, ``entries`` (pages that each domain maps) and ``gaps``."""
        areas = self._areas()
        padded = self.counts.by_class.shape[0] * self._block_pages
        with ThreadPoolExecutor(max_workers=self._request.threads) as pool:
            step = PART_FRAMES // owner_bytes(len(self._request.domains))
            for first in range(0, padded, step):
                self._part(pool, areas, first, min(padded, first + step))

    def _part(
        self, pool: ThreadPoolExecutor, areas: dict[int, tuple[Mapping, ...]], first: int, end: int
    ) -> None:
        """One part of memory; the owners of its frames are given back before the next part's are made."""
        owners = self._owners(pool, areas, first, end - first)
        starts = range(first, end, self._window)
        for done in pool.map(lambda start: self._scan(start, owners, end), starts):
            self._report("frames", done / self._frames)

    def _areas(self) -> dict[int, tuple[Mapping, ...]]:
        areas: dict[int, tuple[Mapping, ...]] = {}
        for number, domain in enumerate(self._request.domains, 1):
            self._report(f"domain {domain.pid}", 0.0)
            found = self._source.mappings(domain.pid)
            if isinstance(found, Missing):
                self.gaps.append(found)
            elif not guest_areas(found):
                self.gaps.append(gap_without_pages(domain.pid))
            else:
                areas[number] = guest_areas(found)
        return areas

    def _owners(
        self, pool: ThreadPoolExecutor, areas: dict[int, tuple[Mapping, ...]], first: int, count: int
    ) -> Owners:
        owners = Owners(first, count, len(self._request.domains))
        for number, found in tuple(areas.items()):
            domain = self._request.domains[number - 1]
            self._report(f"domain {domain.pid}", 0.0)
            windows = tuple(windows_of(found, self._request.page_size_bytes))
            try:
                pages = sum(pool.map(lambda w, d=domain, n=number: self._claim(d, n, w, owners), windows))
                self.entries[number] = pages
            except OSError as error:
                self.gaps.append(gap_of(error, f"proc/{domain.pid}/pagemap"))
                self.entries.pop(number, None)
                del areas[number]
        return owners

    def _claim(self, domain: DomainProcess, number: int, window: tuple[int, int], owners: Owners) -> int:
        first_page, count = window
        entries = self._buffers()[0][:count]
        read = self._source.pagemap(domain.pid, first_page, entries)
        if read == 0:
            raise ProcessLookupError(3, "the process ended")
        frames = present_frames(entries[:read])
        if frames.size and not frames.any():
            raise PermissionError(1, "frame numbers are hidden from this reader")
        owners.claim(frames, number)
        return int(frames.size)

    def _buffers(self) -> tuple[Words, Classifier]:
        if not hasattr(self._own, "buffers"):
            self._own.buffers = (np.empty(self._window, dtype=np.uint64), Classifier(self._window))
        buffers: tuple[Words, Classifier] = self._own.buffers
        return buffers

    def _scan(self, first: int, owners: Owners, end: int) -> int:
        """Classify one window; the frame behind it."""
        flags, classifier = self._buffers()
        flags = flags[: min(self._window, end - first)]
        read = self._source.flags(first, flags) if first < self._frames else 0
        read_whole(read, flags, _HOLE)
        codes = classifier.codes(flags)
        owned = owners.slice(first, flags.size)
        has_owners = bool(owned.any())
        if has_owners:
            np.bitwise_or(codes, (owned > 0).view(np.uint8) * np.uint8(OWNED), out=codes)
        by_code = classifier.count(codes, self._block_pages)
        block = first // self._block_pages
        self.counts.note(block, by_code)
        if has_owners:
            self._note_owned(block, by_code, codes, flags, owned)
        self._pace.wait(flags.size)
        return first + int(flags.size)

    def _note_owned(
        self, block: int, by_code: Counts, codes: Codes, flags: Words, owned: NDArray[np.integer]
    ) -> None:
        of_domain = self.counts.note_owners(block, by_code, codes, owned)
        ratio = self._chunk_pages // self._block_pages
        chunks = suspects(by_code, ratio)
        with self._lock:
            self.counts.of_domain += of_domain
        if chunks.size:
            self._confirm(block, chunks, flags, owned)

    def _confirm(
        self, block: int, chunks: NDArray[np.int64], flags: Words, owned: NDArray[np.integer]
    ) -> None:
        """Read suspect chunks a second time, and how often their frames are mapped."""
        pages, ratio = self._chunk_pages, self._chunk_pages // self._block_pages
        first = flags.reshape(-1, pages)[chunks]
        again, counts = np.empty_like(first), np.empty_like(first)
        start = block * self._block_pages
        for row, chunk in enumerate(chunks):
            frame = start + int(chunk) * pages
            if self._request.exact_map_counts:
                read_whole(self._source.map_counts(frame, counts[row]), counts[row], 1)
            read_whole(self._source.flags(frame, again[row]), again[row], _HOLE)
        map_counts = counts.reshape(-1) if self._request.exact_map_counts else None
        theirs = owned.reshape(-1, pages)[chunks].reshape(-1)
        found = confirmed(first.reshape(-1), again.reshape(-1), map_counts, theirs, pages)
        blocks = (block + chunks[:, None] * ratio + np.arange(ratio)).reshape(-1)
        stranded, folios = self.counts.note_stranded(blocks, first.reshape(-1), found)
        with self._lock:
            self.counts.stranded_pages += stranded
            self.counts.stranded_folios += folios


def windows_of(areas: tuple[Mapping, ...], page_size: int) -> Iterator[tuple[int, int]]:
    """(first virtual page, pages) pieces of the areas, none larger than a window."""
    for area in areas:
        first, end = area.start // page_size, area.end // page_size
        for start in range(first, end, WINDOW_FRAMES):
            yield start, min(WINDOW_FRAMES, end - start)
