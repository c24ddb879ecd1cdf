"""Where a page map reads from: /proc of this host, or anything else that answers the same five questions."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from kvmedic.errors import ParseError
from kvmedic.model.gap import Missing, Reason
from kvmedic.parse.process_maps import Mapping, parse_process_maps

Words = NDArray[np.uint64]
ENTRY_BYTES = 8
_HIGHEST_FRAME = 1 << 40


class FrameSource(Protocol):
    """The kernel's view of page frames and of address spaces. All reads fill ``into`` from its beginning."""

    def flags(self, first: int, into: Words) -> int:
        """Flags of the frames from ``first``; how many were read."""
        ...

    def map_counts(self, first: int, into: Words) -> int:
        """How often each frame from ``first`` is mapped; how many were read."""
        ...

    def cgroups(self, first: int, into: Words) -> int:
        """Inode of the memory cgroup that each frame from ``first`` is charged to; how many were read."""
        ...

    def pagemap(self, pid: int, first_page: int, into: Words) -> int:
        """Page table entries of a process from a virtual page number; how many were read."""
        ...

    def mappings(self, pid: int) -> tuple[Mapping, ...] | Missing:
        """The memory areas of a process, or the gap that stands for them."""
        ...


def gap_of(error: OSError, source: str) -> Missing:
    """An operating-system error as the gap it leaves."""
    denied, gone = (PermissionError,), (FileNotFoundError, ProcessLookupError)
    reason = Reason.DENIED if isinstance(error, denied) else Reason.NOT_UNDERSTOOD
    reason = Reason.NOT_FOUND if isinstance(error, gone) else reason
    return Missing(source=source, reason=reason, detail=error.strerror or type(error).__name__)


class ProcFrames:
    """/proc/kpageflags, kpagecount, PID/maps and PID/pagemap below ``proc``, kept open while in use."""

    def __init__(self, proc: Path) -> None:
        self._proc = proc
        self._open: dict[str, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for descriptor in self._open.values():
            os.close(descriptor)
        self._open.clear()

    def _read(self, name: str, first: int, into: Words) -> int:
        descriptor = self._open.get(name)
        if descriptor is None:
            descriptor = self._open[name] = os.open(self._proc / name, os.O_RDONLY | os.O_CLOEXEC)
        return os.preadv(descriptor, [into.data], first * ENTRY_BYTES) // ENTRY_BYTES

    def flags(self, first: int, into: Words) -> int:
        """From kpageflags (root only)."""
        return self._read("kpageflags", first, into)

    def map_counts(self, first: int, into: Words) -> int:
        """From kpagecount (root only)."""
        return self._read("kpagecount", first, into)

    def cgroups(self, first: int, into: Words) -> int:
        """From kpagecgroup (root only; with CONFIG_MEMCG)."""
        return self._read("kpagecgroup", first, into)

    def pagemap(self, pid: int, first_page: int, into: Words) -> int:
        """From PID/pagemap; may wait for the process's mmap_lock for ever."""
        return self._read(f"{pid}/pagemap", first_page, into)

    def mappings(self, pid: int) -> tuple[Mapping, ...] | Missing:
        """From PID/maps; may wait for the process's mmap_lock for ever."""
        source = f"proc/{pid}/maps"
        try:
            return parse_process_maps(
                (self._proc / f"{pid}/maps").read_text("utf-8", "surrogateescape"), source
            )
        except OSError as error:
            return gap_of(error, source)
        except ParseError as error:
            return Missing(source=source, reason=Reason.NOT_UNDERSTOOD, detail=error.message)


def count_frames(source: FrameSource) -> int:
    """One more than the highest frame number that has flags.

    Found by bisection: the file has no size, and reading behind its end gives nothing.
    """
    probe = np.empty(1, dtype=np.uint64)
    low, high = 0, _HIGHEST_FRAME
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if source.flags(middle, probe) else (low, middle)
    return low


def read_whole(read: int, into: Words, fill: int) -> None:
    """Fill what a short read left of ``into``; a kernel that ends early has nothing there."""
    if read < into.size:
        into[read:] = fill


def lower_own_priority(proc: Path) -> None:
    """Make the reader the first to be killed and the last to be scheduled; what is refused stays as it is."""
    with suppress(OSError):
        (proc / "self/oom_score_adj").write_text("1000")
    with suppress(OSError):
        os.nice(10)
