"""Measures the stranded memory of one QEMU in four independent ways and releases it; prints JSON.

It is run on the host of that QEMU (root), by stranded_truth.py, and reads the kernel's files by itself:
it shares no code with kvmedic, so that it can be a witness. Flags of /proc/kpageflags and bits
of /proc/PID/pagemap: Documentation/admin-guide/mm/pagemap.rst. Syscall numbers: asm-generic/unistd.h.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

PAGE = 4096
BLOCK = 512
HEAD, TAIL, HUGETLB, ANON = 1 << 15, 1 << 16, 1 << 17, 1 << 12
PRESENT, PFN = np.uint64(1 << 63), np.uint64((1 << 55) - 1)
SYS_PIDFD_OPEN, SYS_PROCESS_MADVISE, MADV_COLD = 434, 440, 20
MOST_RANGES = 512
COUNTER = Path("/sys/kernel/mm/transparent_hugepage/hugepages-2048kB/stats/nr_anon_partially_mapped")

Words = npt.NDArray[np.uint64]


def present_pages(pid: int) -> tuple[Words, Words]:
    """Virtual and physical page numbers of all that the process maps and that is present."""
    virtual, physical = [], []
    with Path(f"/proc/{pid}/pagemap").open("rb", buffering=0) as pagemap:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            if "[vsyscall]" in line or "[vvar" in line:
                continue
            first, last = (int(part, 16) // PAGE for part in line.split()[0].split("-"))
            entries = read_words(pagemap, first, last - first)
            here = np.flatnonzero(entries & PRESENT)
            virtual.append((here + first).astype(np.uint64))
            physical.append(entries[here] & PFN)
    return np.concatenate(virtual), np.concatenate(physical)


def read_words(file: object, first: int, count: int) -> Words:
    """``count`` 64-bit words from word ``first`` on; a file that ends earlier gives fewer."""
    parts = []
    while count > 0:
        chunk = os.pread(file.fileno(), min(count, 1 << 17) * 8, first * 8)  # type: ignore[attr-defined]
        if not chunk:
            break
        parts.append(np.frombuffer(chunk, np.uint64))
        first, count = first + len(chunk) // 8, count - len(chunk) // 8
    return np.concatenate(parts) if parts else np.zeros(0, np.uint64)


def stranded_folios(virtual: Words, physical: Words) -> tuple[int, list[tuple[int, int]]]:
    """Bytes not mapped in anonymous folios that the process maps in part, and the virtual span of each."""
    order = np.argsort(physical, kind="stable")
    virtual, physical = virtual[order], physical[order]
    lost_pages, spans = 0, []
    blocks = physical // BLOCK
    starts = np.flatnonzero(np.r_[True, blocks[1:] != blocks[:-1]])
    ends = np.r_[starts[1:], len(blocks)]
    with Path("/proc/kpageflags").open("rb", buffering=0) as kpageflags:
        for start, end in zip(starts, ends, strict=True):
            base = int(blocks[start]) * BLOCK
            flags = read_words(kpageflags, base, BLOCK)
            inside = (physical[start:end] - np.uint64(base)).astype(np.int64)
            for folio_lost, chosen in partly_mapped(flags, inside):
                lost_pages += folio_lost
                pages = virtual[start:end][chosen]
                spans.append((int(pages.min()), int(pages.max()) + 1))
    return lost_pages * PAGE, spans


def partly_mapped(flags: Words, inside: npt.NDArray[np.int64]) -> list[tuple[int, npt.NDArray[np.bool_]]]:
    """For each anonymous folio of one block: its pages not among ``inside``, and which of those it holds."""
    found = []
    for head in np.flatnonzero(flags & HEAD):
        if flags[head] & HUGETLB or not flags[head] & ANON:
            continue
        after = flags[head + 1 :] & TAIL
        size = 1 + (int(np.argmin(after != 0)) if (after == 0).any() else len(after))
        chosen = (inside >= head) & (inside < head + size)
        mapped = len(np.unique(inside[chosen]))
        if 0 < mapped < size:
            found.append((size - mapped, chosen))
    return found


def lost_by_virtual_block(virtual: Words) -> int:
    """The naive count: pages that are absent from 2 MiB virtual blocks which hold some page. It is wrong."""
    _, counts = np.unique(virtual // BLOCK, return_counts=True)
    partial = counts[counts >= 64]
    return int((BLOCK - partial).sum()) * PAGE


def group_of(pid: int) -> tuple[Path, int]:
    """The memory cgroup in force for a process, and its version. A threaded child has no memory files."""
    lines = [line.split(":", 2) for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines()]
    for _, controllers, path in lines:
        if "memory" in controllers.split(","):
            return Path("/sys/fs/cgroup/memory") / path.lstrip("/"), 1
    group = Path("/sys/fs/cgroup") / lines[-1][2].lstrip("/")
    while not (group / "memory.stat").exists():
        group = group.parent
    return group, 2


def lru_account(group: Path, version: int) -> int:
    """Anonymous pages on the group's lists less those that somebody maps: whole folios less mapped pages."""
    stat = {
        key: int(value) for key, value in map(str.split, (group / "memory.stat").read_text().splitlines())
    }
    mapped = stat["rss" if version == 1 else "anon"]
    listed = stat["active_anon"] + stat["inactive_anon"]
    return listed - mapped - stat["shmem"] - stat.get("swapcached", 0)


def readings(pid: int, group: Path, version: int) -> dict[str, int | None]:
    """The plain readings that a release may move."""
    meminfo = kib_lines("/proc/meminfo")
    rollup = kib_lines(f"/proc/{pid}/smaps_rollup")
    stat = dict(map(str.split, (group / "memory.stat").read_text().splitlines()))
    usage = "memory.usage_in_bytes" if version == 1 else "memory.current"
    return {
        "mem_free": meminfo["MemFree"],
        "host_lru_account": meminfo["Active(anon)"]
        + meminfo["Inactive(anon)"]
        - meminfo["AnonPages"]
        - meminfo["Shmem"],
        "rss": rollup["Rss"],
        "anon_huge": rollup["AnonHugePages"],
        "usage": int((group / usage).read_text()),
        "file_cache": int(stat["cache" if version == 1 else "file"]),
        "lru_account": lru_account(group, version),
        "kernel_counter_blocks": int(COUNTER.read_text()) if COUNTER.exists() else None,
    }


def kib_lines(path: str) -> dict[str, int]:
    """Lines of "Name: number kB", in bytes."""
    words = (line.split() for line in Path(path).read_text().splitlines())
    return {w[0].rstrip(":"): int(w[1]) * 1024 for w in words if len(w) == 3 and w[2] == "kB"}


def release(pid: int, spans: list[tuple[int, int]]) -> dict[str, float | str]:
    """MADV_COLD on these spans of another process (kernel 5.10 and later)."""

    class Range(ctypes.Structure):
        _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))

    libc = ctypes.CDLL(None, use_errno=True)
    started, error = time.monotonic(), ""
    descriptor = libc.syscall(SYS_PIDFD_OPEN, pid, 0)
    for at in range(0, len(spans), MOST_RANGES):
        some = spans[at : at + MOST_RANGES]
        vector = (Range * len(some))(*[(first * PAGE, (last - first) * PAGE) for first, last in some])
        if libc.syscall(SYS_PROCESS_MADVISE, descriptor, vector, len(some), MADV_COLD, 0) < 0:
            error = os.strerror(ctypes.get_errno())
    os.close(descriptor)
    return {"seconds": time.monotonic() - started, "error": error}


def measure(pid: int, *, is_releasing: bool) -> dict[str, object]:
    """All readings, and with ``is_releasing`` the release and the readings after it."""
    group, version = group_of(pid)
    virtual, physical = present_pages(pid)
    stranded, spans = stranded_folios(virtual, physical)
    result: dict[str, object] = {
        "kernel": os.uname().release,
        "cgroup": version,
        "page_map": stranded,
        "page_map_blocks": len(spans),
        "virtual_blocks": lost_by_virtual_block(virtual),
        "before": readings(pid, group, version),
    }
    if is_releasing:
        result["release"] = release(pid, spans)
        time.sleep(1)
        result["after"] = readings(pid, group, version)
        result["page_map_after"] = stranded_folios(*present_pages(pid))[0]
    return result


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]), is_releasing="--release" in sys.argv)))
