"""``kvmedic check`` and hotsos on one and the same sosreport: wall time, CPU time, their ratios in one run.

    python benchmarks/check/against_hotsos.py HOTSOS [SOSREPORT] [--log-mib 64] [--runs 3]

HOTSOS is the command of an installation of its own (python -m venv PLACE; PLACE/bin/pip install hotsos); it
is never a dependency. Both read the folder SOSREPORT; by default a recorded host with 100 domains, with a
kern.log and a syslog of 64 MiB each, as busy hosts have. hotsos runs with --kernel --system and searches the
logs; check leaves them to ``kvmedic why``, so on reports without logs the ratio is lower: about that of the
two start-ups. They take turns, the best run of each counts. Exit status 1: the goal of 20 was missed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "log_scan"))

from recorded_host import write_host
from write_log import write_log

KVMEDIC = str(Path(sys.executable).parent / "kvmedic")
GOAL = 20.0


class Took(NamedTuple):
    """Seconds of one run, or of the best one."""

    wall_s: float
    cpu_s: float


def run(words: Sequence[str]) -> Took:
    """One run, its children included."""
    before, started = os.times(), time.perf_counter()
    subprocess.run(words, capture_output=True, check=False)
    after = os.times()
    cpu_s = after.children_user + after.children_system - before.children_user - before.children_system
    return Took(time.perf_counter() - started, cpu_s)


def write_logs(folder: Path, mib: int) -> None:
    """A kern.log and a syslog of a busy host."""
    if mib > 0:
        (folder / "var/log").mkdir(parents=True)
        write_log(folder / "var/log/kern.log", mib << 20)
        (folder / "var/log/syslog").write_bytes((folder / "var/log/kern.log").read_bytes())


def best(took: Sequence[Took]) -> Took:
    """The least of each."""
    return Took(min(each.wall_s for each in took), min(each.cpu_s for each in took))


def compare(hotsos: str, folder: Path, runs: int) -> tuple[Took, Took]:
    """The best run of each; the first of all fills the page cache and does not count."""
    theirs, ours = [hotsos, "--kernel", "--system", str(folder)], [KVMEDIC, "check", str(folder)]
    run(ours)
    run(theirs)
    pairs = [(run(theirs), run(ours)) for _ in range(runs)]
    return best([their for their, _ in pairs]), best([our for _, our in pairs])


def main() -> int:
    """Measures and prints; 1 where the goal was missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("hotsos")
    parser.add_argument("sosreport", nargs="?", type=Path)
    parser.add_argument("--log-mib", type=int, default=64)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = options.sosreport
        if folder is None:
            folder = Path(place) / "host"
            write_host(folder, 100)
            write_logs(folder, options.log_mib)
        theirs, ours = compare(options.hotsos, folder, options.runs)
    ratio = theirs.wall_s / ours.wall_s
    print(f"hotsos --kernel --system  {theirs.wall_s:7.2f} s wall  {theirs.cpu_s:7.2f} s CPU")
    print(f"kvmedic check             {ours.wall_s:7.2f} s wall  {ours.cpu_s:7.2f} s CPU")
    print(
        f"ratio                     {ratio:7.1f}         {theirs.cpu_s / ours.cpu_s:7.1f}     goal {GOAL:g}"
    )
    return int(ratio < GOAL)


if __name__ == "__main__":
    sys.exit(main())
