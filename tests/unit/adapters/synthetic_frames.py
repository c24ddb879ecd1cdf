"""A host made of arrays: flags and map counts by frame, page tables by process; for page map tests."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kvmedic.model.gap import Missing, Reason
from kvmedic.model.page_map_request import DomainProcess, PageMapRequest, ZoneSpan
from kvmedic.parse.process_maps import Mapping

PAGE = 4096
PRESENT, SWAPPED = 1 << 63, 1 << 62
LRU, BUDDY, MMAP, ANON, SWAPBACKED, HEAD = 1 << 5, 1 << 10, 1 << 11, 1 << 12, 1 << 14, 1 << 15
TAIL, HUGE, NOPAGE, KSM, THP, SLAB = 1 << 16, 1 << 17, 1 << 20, 1 << 21, 1 << 22, 1 << 7
SMALL_ANON = LRU | ANON | SWAPBACKED | MMAP
LARGE_ANON = LRU | ANON | SWAPBACKED | THP


class SyntheticFrames:
    """A host of ``frames`` page frames, all free at first."""

    def __init__(self, frames: int) -> None:
        self.flag_of = np.full(frames, BUDDY, dtype=np.uint64)
        self.count_of = np.zeros(frames, dtype=np.uint64)
        self.tables: dict[int, NDArray[np.uint64]] = {}
        self.read_flags = 0

    def process(self, pid: int, pages: int) -> NDArray[np.uint64]:
        """A process with one area of ``pages`` virtual pages from address 0; its page table, to be filled."""
        self.tables[pid] = np.zeros(pages, dtype=np.uint64)
        return self.tables[pid]

    def folio(self, frame: int, pages: int) -> None:
        """An anonymous folio that nobody maps yet."""
        self.flag_of[frame : frame + pages] = LARGE_ANON | TAIL if pages > 1 else SMALL_ANON
        self.flag_of[frame] = LARGE_ANON | HEAD if pages > 1 else SMALL_ANON

    def map(self, pid: int, page: int, frames: NDArray[np.int64] | range) -> None:
        """Map frames at virtual pages from ``page``."""
        numbers = np.asarray(frames, dtype=np.int64)
        self.tables[pid][page : page + numbers.size] = numbers.astype(np.uint64) | np.uint64(PRESENT)
        np.add.at(self.count_of, numbers, np.uint64(1))

    def unmap(self, pid: int, page: int) -> None:
        """Drop one page of a process, as a balloon does."""
        frame = int(self.tables[pid][page]) & ((1 << 55) - 1)
        self.tables[pid][page] = 0
        self.count_of[frame] -= np.uint64(1)

    def flags(self, first: int, into: NDArray[np.uint64]) -> int:
        self.read_flags += into.size
        return self._copy(self.flag_of, first, into)

    def map_counts(self, first: int, into: NDArray[np.uint64]) -> int:
        return self._copy(self.count_of, first, into)

    def cgroups(self, first: int, into: NDArray[np.uint64]) -> int:
        into[:] = 0
        return int(into.size)

    def pagemap(self, pid: int, first_page: int, into: NDArray[np.uint64]) -> int:
        return self._copy(self.tables[pid], first_page, into)

    def mappings(self, pid: int) -> tuple[Mapping, ...] | Missing:
        if pid not in self.tables:
            return Missing(source=f"proc/{pid}/maps", reason=Reason.NOT_FOUND, detail="No such process")
        end = self.tables[pid].size * PAGE
        return (Mapping(start=0, end=end, access="rw-p", kind="anonymous", path=""),)

    @staticmethod
    def _copy(source: NDArray[np.uint64], first: int, into: NDArray[np.uint64]) -> int:
        part = source[first : first + into.size]
        into[: part.size] = part
        return int(part.size)


def request_for(
    *pids: int, method: str = "full", seed: int = 1, zones: tuple[ZoneSpan, ...] = (), chunk_order: int = 9
) -> PageMapRequest:
    """A request for domains named after their processes."""
    return PageMapRequest(
        method="full" if method == "full" else "sampled",
        domains=tuple(DomainProcess(name=f"domain-{pid}", pid=pid) for pid in pids),
        zones=zones,
        page_size_bytes=PAGE,
        pageblock_order=9,
        chunk_order=chunk_order,
        exact_map_counts=True,
        frames_per_s=None,
        threads=2,
        seed=seed,
        proc="/proc",
    )
