"""Which domain maps which frame: one byte (or two) a frame, filled from /proc/PID/pagemap."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

PRESENT = np.uint64(1 << 63)
PFN_MASK = np.uint64((1 << 55) - 1)
NO_OWNER = 0


def present_frames(entries: NDArray[np.uint64]) -> NDArray[np.int64]:
    """The frame numbers of the entries that are present; swap and migration entries are not.

    Sources: Documentation/admin-guide/mm/pagemap.rst. All of them are 0 for a reader without CAP_SYS_ADMIN.
    """
    is_present = (entries & PRESENT) != 0
    selected = entries if is_present.all() else entries[is_present]
    return (selected & PFN_MASK).view(np.int64)


def owner_bytes(domains: int) -> int:
    """How many bytes a frame's owner takes: one, where "nobody", all domains and "several" fit into it."""
    return 1 if domains < 254 else 2


class Owners:
    """The owners of frames ``first`` to ``first + count``: 0 nobody, 1… a domain, ``shared`` several."""

    def __init__(self, first: int, count: int, domains: int) -> None:
        self.first = first
        self.shared = domains + 1
        is_byte = owner_bytes(domains) == 1
        self.of_frame: NDArray[np.integer] = np.zeros(count, dtype=np.uint8 if is_byte else np.uint16)

    def claim(self, frames: NDArray[np.int64], owner: int) -> None:
        """Note that ``owner`` maps ``frames`` (host-wide numbers; those outside of here are passed over)."""
        frames = frames - self.first
        is_here = (frames >= 0) & (frames < self.of_frame.size)
        if not is_here.all():
            frames = frames[is_here]
        before = self.of_frame[frames]
        is_shared = (before != NO_OWNER) & (before != owner)
        self.of_frame[frames] = owner
        if is_shared.any():
            self.of_frame[frames[is_shared]] = self.shared

    def slice(self, first: int, count: int) -> NDArray[np.integer]:
        """The owners of ``count`` frames from the host-wide number ``first``."""
        return self.of_frame[first - self.first : first - self.first + count]
