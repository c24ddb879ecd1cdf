"""Memory and time of a full page map of a made-up host of 1 TiB, with a guest in much of it.

    python benchmarks/page_map/one_tebibyte.py [GUEST_SHARE]

Prints JSON: the peak resident set of the whole process in bytes, seconds, frames, stranded bytes.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kvmedic.adapters.page_map_make import page_map_from
from kvmedic.model.page_map import PageMap
from kvmedic.model.page_map_request import DomainProcess, PageMapRequest
from kvmedic.parse.process_maps import Mapping

PAGE = 4096
FRAMES = (1 << 40) // PAGE
BLOCK = 512
PRESENT = np.uint64(1 << 63)
LARGE_HEAD = 1 << 5 | 1 << 12 | 1 << 14 | 1 << 15 | 1 << 22
LARGE_TAIL = 1 << 5 | 1 << 12 | 1 << 14 | 1 << 16 | 1 << 22
FREE = 1 << 10


class OneTebibyte:
    """Every frame below the guest's share is in a huge page of it; one in 64 of those is half dropped."""

    def __init__(self, guest_frames: int) -> None:
        self._guest = guest_frames // (64 * BLOCK) * (64 * BLOCK)
        huge = np.full(BLOCK, LARGE_TAIL, dtype=np.uint64)
        huge[0] = LARGE_HEAD
        self._huge = np.tile(huge, 128)
        self._count = np.ones(BLOCK, dtype=np.uint64)
        self._count[1::2] = 0

    def flags(self, first: int, into: NDArray[np.uint64]) -> int:
        count = max(0, min(into.size, FRAMES - first))
        if first >= self._guest:
            into[:count] = FREE
        elif count <= self._huge.size:
            into[:count] = self._huge[:count]
        return count

    def map_counts(self, first: int, into: NDArray[np.uint64]) -> int:
        into[:] = self._count[: into.size]
        return into.size

    def cgroups(self, first: int, into: NDArray[np.uint64]) -> int:
        into[:] = 0
        return int(into.size)

    def pagemap(self, pid: int, first_page: int, into: NDArray[np.uint64]) -> int:
        numbers = np.arange(first_page, first_page + into.size, dtype=np.uint64)
        np.bitwise_or(numbers, PRESENT, out=into)
        into[(numbers % np.uint64(64 * BLOCK) < BLOCK) & (numbers % np.uint64(2) == 1)] = 0
        return into.size

    def mappings(self, pid: int) -> tuple[Mapping, ...]:
        return (Mapping(start=0, end=self._guest * PAGE, access="rw-p", kind="anonymous", path=""),)


def peak_rss_bytes() -> int:
    """VmHWM; getrusage's ru_maxrss would begin with what the parent process held before exec (fs/exec.c)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def request() -> PageMapRequest:
    """A full map with one domain."""
    return PageMapRequest(
        method="full",
        domains=(DomainProcess(name="guest", pid=1),),
        zones=(),
        page_size_bytes=PAGE,
        pageblock_order=9,
        chunk_order=9,
        exact_map_counts=True,
        frames_per_s=None,
        threads=2,
        seed=1,
        proc="/proc",
    )


def main() -> None:
    """Make the map, and say what it took."""
    share = float(sys.argv[1]) if len(sys.argv) > 1 else 0.8
    source = OneTebibyte(int(FRAMES * share))
    started = time.monotonic()
    page_map = page_map_from(source, request(), lambda *_: None)
    assert isinstance(page_map, PageMap)
    found = {
        "peak_rss_bytes": peak_rss_bytes(),
        "seconds": round(time.monotonic() - started, 2),
        "frames": page_map.frames,
        "guest_share": share,
        "stranded_bytes": page_map.domains[0].stranded_bytes,
        "cells": sum(len(zone.cells) for zone in page_map.zones),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
