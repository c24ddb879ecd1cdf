"""How fast the page map is, against a bare read of /proc/kpageflags in C, in one run. Needs root, cc.

    python benchmarks/page_map/run.py [--guest-mib 2048] [--share-of-memory] [--rounds 5]

A process with huge pages, every second page of an eighth of them dropped, stands for the guest; with
--guest-pid an existing QEMU is used instead. ``--share-of-memory`` makes it 80 % of what is available.
Times exclude process start and imports; the best of the rounds is shown (others
use the machine, too), and its ratio to the best bare read; medians stand beside. Wall times mean something on
a quiet machine only (see the load in the output); the CPU seconds are true on a busy one, too.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import mmap
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from kvmedic.adapters.page_map_make import make_page_map
from kvmedic.model.page_map import PageMap
from kvmedic.model.page_map_request import DomainProcess, PageMapRequest

HERE = Path(__file__).parent
HUGE, PAGE = 2 << 20, 4096
LIMITS = {"full, two cores": 0.75, "full, one core": 1.30, "sampled": 0.05}


def build(folder: Path) -> Path:
    """Compile the bare read."""
    program = folder / "bare_read"
    subprocess.run(["cc", "-O2", "-o", str(program), str(HERE / "bare_read.c")], check=True)
    return program


def bare_read_s(program: Path) -> float:
    """Seconds of one bare read."""
    ran = subprocess.run([str(program)], check=True, capture_output=True, text=True)
    return float(ran.stdout.split()[0])


def guest(bytes_wanted: int) -> mmap.mmap:
    """Touched huge pages of this process, an eighth of them half dropped."""
    area = mmap.mmap(-1, bytes_wanted, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    area.madvise(mmap.MADV_HUGEPAGE)
    np.frombuffer(area, dtype=np.uint8)[::PAGE] = 1
    view = ctypes.c_char.from_buffer(area)
    start = -ctypes.addressof(view) % HUGE
    del view
    for offset in range(start, bytes_wanted // 8, 2 * PAGE):
        area.madvise(mmap.MADV_DONTNEED, offset, PAGE)
    return area


def request(method: str, threads: int, pid: int, seed: int) -> PageMapRequest:
    """A map of this host with one domain."""
    return PageMapRequest(
        method="full" if method == "full" else "sampled",
        domains=(DomainProcess(name="guest", pid=pid),),
        zones=(),
        page_size_bytes=PAGE,
        pageblock_order=9,
        chunk_order=9,
        exact_map_counts=True,
        frames_per_s=None,
        threads=threads,
        seed=seed,
        proc="/proc",
    )


def map_s(method: str, threads: int, pid: int, seed: int) -> float:
    """Seconds of one map."""
    started = time.perf_counter()
    found = make_page_map(request(method, threads, pid, seed), lambda *_: None)
    seconds = time.perf_counter() - started
    assert isinstance(found, PageMap), found
    assert found.domains
    return seconds


def cpu_s(work: Callable[[], float], who: int) -> float:
    """CPU seconds, of this process or of its children, that the work took."""
    before = resource.getrusage(who)
    work()
    after = resource.getrusage(who)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def cpu_ratios(program: Path, pid: int) -> dict[str, float]:
    """CPU time of each map against that of the bare read; the least of three."""
    itself, children = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
    bare = min(cpu_s(lambda: bare_read_s(program), children) for _ in range(3))
    full = min(cpu_s(lambda s=seed: map_s("full", 2, pid, s), itself) for seed in range(3))
    sampled = min(cpu_s(lambda s=seed: map_s("sampled", 2, pid, s), itself) for seed in range(3))
    return {"full": round(full / bare, 3), "sampled": round(sampled / bare, 3)}


def on_one_core(work: Callable[[], float]) -> float:
    """The same on a single core."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        return work()
    finally:
        os.sched_setaffinity(0, allowed)


def available_bytes() -> int:
    """MemAvailable."""
    line = next(x for x in Path("/proc/meminfo").read_text().splitlines() if x.startswith("MemAvailable"))
    return int(line.split()[1]) * 1024


def measure(program: Path, pid: int, rounds: int) -> dict[str, list[float]]:
    """Seconds of all rounds; every round measures everything, so that all share the machine's mood."""
    found: dict[str, list[float]] = {}
    map_s("full", 2, pid, 0)
    for seed in range(rounds):
        timings = {
            "bare read": bare_read_s(program),
            "full, two cores": map_s("full", 2, pid, seed),
            "full, one core": on_one_core(lambda s=seed: map_s("full", 1, pid, s)),
            "sampled": map_s("sampled", 2, pid, seed),
        }
        for name, seconds in timings.items():
            found.setdefault(name, []).append(seconds)
    return found


def main() -> int:
    """Measure, print JSON, and say by the exit code whether every limit holds."""
    options = argparse.ArgumentParser()
    options.add_argument("--guest-mib", type=int, default=2048)
    options.add_argument("--guest-pid", type=int)
    options.add_argument("--share-of-memory", action="store_true")
    options.add_argument("--rounds", type=int, default=5)
    chosen = options.parse_args()
    wanted = int(0.8 * available_bytes()) if chosen.share_of_memory else chosen.guest_mib << 20
    area = None if chosen.guest_pid else guest(wanted // HUGE * HUGE)
    with tempfile.TemporaryDirectory() as folder:
        program, pid = build(Path(folder)), chosen.guest_pid or os.getpid()
        rounds = measure(program, pid, chosen.rounds)
        cpu = cpu_ratios(program, pid)
    seconds = {name: min(taken) for name, taken in rounds.items()}
    medians = {name: round(statistics.median(taken), 4) for name, taken in rounds.items()}
    ratios = {name: round(took / seconds["bare read"], 3) for name, took in seconds.items()}
    within = {name: ratios[name] <= limit for name, limit in LIMITS.items()}
    shown = {name: round(took, 4) for name, took in seconds.items()}
    held = None if area is None else len(area)
    ratios_and_seconds = {"ratio to bare read": ratios, "best s": shown, "median s": medians}
    ratios_and_seconds["cpu ratio to bare read"] = cpu
    ratios_and_seconds["load"] = {"1 min": os.getloadavg()[0]}
    print(json.dumps({**ratios_and_seconds, "within": within, "guest bytes": held}))
    return 0 if all(within.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
