"""What a few windows of a process's page tables say: its memory by kind, and what its folios strand."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kvmedic.derive.page_classes import HUGE_BIT, LOWER, UPPER, Flags, Primary, is_large_anonymous
from kvmedic.derive.page_owners import PFN_MASK, PRESENT
from kvmedic.derive.stranded import FolioShare

QUANTITIES = ("anonymous", "thp", "shmem", "hugetlb", "shared", "stranded", "stranded_folios")
_FEW_ENTRIES = 8
"""How many entries are followed in a window whose pages lie scattered over many chunks of memory."""
_FEW_CHUNKS = 2
_DENSE_ENTRIES = 48


class Entries(NamedTuple):
    """Selected page table entries: their frame, their window, and how many entries each stands for.

    ``is_whole`` marks the one entry that stands for a window that maps one aligned run of frames: whatever
    folios lie there, all their frames are mapped.
    """

    frames: NDArray[np.int64]
    windows: NDArray[np.int64]
    weights: NDArray[np.float64]
    is_whole: NDArray[np.bool_]

    def needs_folio(self, flags: Flags) -> NDArray[np.bool_]:
        """The entries whose folio has to be read as a whole."""
        return is_large_anonymous(flags) & ~self.is_whole


def select_entries(
    raw: NDArray[np.uint64], chunk_pages: int, random: np.random.Generator, *, everything: bool
) -> Entries:
    """Choose what to follow in each window (a row of ``raw``): all of it, one for all, or a few at random.

    ``everything``: never a few, for a sample that has all windows and so claims no error.
    """
    few = chunk_pages if everything else _FEW_ENTRIES
    is_present = (raw & PRESENT) != 0
    frames = (raw & PFN_MASK).view(np.int64)
    parts = [
        _select(row, frames[row][is_present[row]], chunk_pages, random, few)
        for row in np.flatnonzero(is_present.any(axis=1)).tolist()
    ]
    if not parts:
        nothing = np.empty(0, dtype=np.int64)
        return Entries(nothing, nothing, nothing.astype(np.float64), nothing.astype(np.bool_))
    return Entries(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _select(
    row: int, frames: NDArray[np.int64], chunk_pages: int, random: np.random.Generator, few: int
) -> Entries:
    count = frames.size
    is_whole = count == chunk_pages and frames[0] % chunk_pages == 0 and bool((np.diff(frames) == 1).all())
    if is_whole:
        chosen = frames[:1]
    elif np.unique(frames // chunk_pages).size <= _FEW_CHUNKS or count <= few:
        chosen = frames
    else:
        chosen = np.sort(random.choice(frames, few, replace=False))
    size = chosen.size
    return Entries(chosen, np.full(size, row), np.full(size, count / size), np.full(size, is_whole))


class Chunks(NamedTuple):
    """Flags of whole aligned chunks of ``pages`` frames; ``numbers`` are sorted."""

    numbers: NDArray[np.int64]
    flags: Flags
    pages: int

    def holds(self, frames: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether each frame lies in one of these chunks."""
        return np.isin(frames // self.pages, self.numbers)

    def place(self, frames: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where each frame, held by these chunks, stands in ``flags``."""
        return np.searchsorted(self.numbers, frames // self.pages) * self.pages + frames % self.pages


def dense_chunks(entries: Entries, chunk_pages: int) -> NDArray[np.int64]:
    """Chunks with so many selected entries that reading them whole is cheaper than entry by entry."""
    numbers, counts = np.unique(entries.frames // chunk_pages, return_counts=True)
    return numbers[counts >= _DENSE_ENTRIES]


def quantities(
    entries: Entries,
    flags: Flags,
    *,
    needs: NDArray[np.bool_],
    folios: Chunks,
    share: FolioShare,
    windows: int,
) -> NDArray[np.float64]:
    """Pages by window and by ``QUANTITIES``; ``folios`` are the chunks of the entries that need one."""
    parts = np.zeros((entries.frames.size, len(QUANTITIES)))
    parts[:, :5] = _kinds(flags)
    place = folios.place(entries.frames[needs])
    parts[needs, 5], parts[needs, 6] = share.pages[place], share.folios[place]
    found = np.zeros((windows, len(QUANTITIES)))
    np.add.at(found, entries.windows, parts * entries.weights[:, None])
    return found


def _kinds(flags: Flags) -> NDArray[np.bool_]:
    """Small anonymous, large anonymous, shmem, hugetlb, shared (KSM, zero page): a column each."""
    lower = LOWER[(flags & np.uint64(0xFFFF)).view(np.int64)]
    upper = UPPER[((flags >> np.uint64(16)) & np.uint64(0x3FFFF)).view(np.int64)]
    primary = np.minimum(lower, upper) >> 2
    is_large = is_large_anonymous(flags)
    is_small = (primary == Primary.ANON) & ~is_large
    is_shared = (primary == Primary.KSM) | (primary == Primary.ZERO_PAGE)
    is_huge = (flags & HUGE_BIT) != 0
    return np.stack([is_small, is_large & ~is_shared, primary == Primary.SHMEM, is_huge, is_shared], axis=1)
