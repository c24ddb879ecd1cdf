"""How long ``kvmedic check`` takes on a recorded host with 100 domains, start-up included, and ``--help``.

    python benchmarks/check/many_domains.py [--domains 100] [--runs 5] [--profile]

The best of the runs counts: the others measure what else the machine does. Exit status 1: a goal was missed.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from recorded_host import write_host

from kvmedic.app.check import check_target
from kvmedic.model.request import CollectRequest
from kvmedic.render import render
from kvmedic.wiring import open_source

KVMEDIC = str(Path(sys.executable).parent / "kvmedic")
CHECK_GOAL_S, HELP_GOAL_S = 1.0, 0.25
REQUEST = CollectRequest(is_deep=False, interval_s=0.0, page_map="none")


def best_of(runs: int, *words: str) -> float:
    """Seconds of the fastest run of a command, from its start to its end."""
    took: list[float] = []
    for _ in range(runs):
        started = time.perf_counter()
        subprocess.run([KVMEDIC, *words], capture_output=True, check=False)
        took.append(time.perf_counter() - started)
    return min(took)


def examine(folder: Path) -> str:
    """One examination inside this process."""
    report = check_target(open_source(str(folder)), REQUEST, lambda _phrase, _share: None)
    return render(report, "text", width=100, colour=False, verbose=False)


def profile(folder: Path) -> None:
    """Where the time goes."""
    with cProfile.Profile() as profiler:
        examine(folder)
    pstats.Stats(profiler).sort_stats("cumulative").print_stats(45)


def main() -> int:
    """Measures and prints; 1 where a goal was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--domains", type=int, default=100)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "host"
        write_host(folder, options.domains)
        if options.profile:
            profile(folder)
            return 0
        help_s = best_of(options.runs, "--help")
        check_s = best_of(options.runs, "check", str(folder))
    print(f"kvmedic --help                         {help_s:6.2f} s   goal {HELP_GOAL_S} s")
    print(f"kvmedic check, {options.domains:4} recorded domains   {check_s:6.2f} s   goal {CHECK_GOAL_S} s")
    return int(help_s > HELP_GOAL_S or check_s > CHECK_GOAL_S)


if __name__ == "__main__":
    sys.exit(main())
