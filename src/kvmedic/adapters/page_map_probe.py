"""Does this kernel count mappings page by page? Tried with a huge page of our own, with one page dropped.

With CONFIG_NO_PAGE_MAPCOUNT /proc/kpagecount shows a folio's mean for each of its pages, so a page that
nobody maps looks mapped, and stranded memory cannot be seen by it.
"""

from __future__ import annotations

import ctypes
import mmap
import os

import numpy as np

from kvmedic.adapters.page_map_source import FrameSource
from kvmedic.derive.page_classes import is_large_anonymous
from kvmedic.derive.page_owners import PFN_MASK, PRESENT

_MOST_BYTES = 32 << 20
_HOLE = 3
"""The page of the huge page that is dropped: neither its head nor its first tail."""


def counts_are_exact(source: FrameSource, chunk_bytes: int) -> bool | None:
    """Whether a dropped page of a huge page is counted as unmapped; None where it could not be tried."""
    if chunk_bytes * 2 > _MOST_BYTES:
        return None
    with mmap.mmap(-1, chunk_bytes * 2, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as area:
        try:
            area.madvise(mmap.MADV_HUGEPAGE)
        except OSError:
            return None
        address = _address(area)
        offset = -address % chunk_bytes
        area[offset] = 1
        entry = np.zeros(1, dtype=np.uint64)
        hole = offset + _HOLE * mmap.PAGESIZE
        source.pagemap(os.getpid(), (address + hole) // mmap.PAGESIZE, entry)
        if not entry[0] & PRESENT or not entry[0] & PFN_MASK:
            return None
        frame = int(entry[0] & PFN_MASK)
        area.madvise(mmap.MADV_DONTNEED, hole, mmap.PAGESIZE)
        return _is_unmapped(source, frame)


def _is_unmapped(source: FrameSource, frame: int) -> bool | None:
    flags, count = np.zeros(1, dtype=np.uint64), np.ones(1, dtype=np.uint64)
    source.flags(frame, flags)
    if not is_large_anonymous(flags)[0] or source.map_counts(frame, count) != 1:
        return None
    return bool(count[0] == 0)


def _address(area: mmap.mmap) -> int:
    view = ctypes.c_char.from_buffer(area)
    address = ctypes.addressof(view)
    del view
    return address
