"""Our own manners: the first to be killed, the last to be scheduled, off the isolated CPUs, small."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kvmedic.adapters.priority import MEMORY_CEILING_BYTES, housekeeping_cpus

PROGRAM = """
import os, resource
from pathlib import Path
from kvmedic.adapters.priority import lower_own_priority
lower_own_priority()
lower_own_priority()
print(Path("/proc/self/oom_score_adj").read_text().strip(), os.getpriority(os.PRIO_PROCESS, 0) >= 10,
      resource.getrlimit(resource.RLIMIT_DATA)[0])
try:
    bytearray(3 * 1024**3)
except MemoryError:
    print("refused")
"""


def test_a_process_that_looks_is_the_first_to_die_and_cannot_grow_without_end() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=30
    )
    assert ended.stdout == f"1000 True {MEMORY_CEILING_BYTES}\nrefused\n"


def cpus(root: Path, name: str, text: str) -> None:
    place = root / "sys/devices/system/cpu" / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)


@pytest.mark.parametrize(
    ("isolated", "nohz_full", "left"),
    [
        ("\n", "(null)\n", {0, 1, 2, 3}),
        ("2-3\n", "\n", {0, 1}),
        ("3\n", "1-3\n", {0}),
        ("0-3\n", "\n", {0, 1, 2, 3}),
        ("rubbish\n", "\n", {0, 1, 2, 3}),
    ],
)
def test_isolated_cpus_are_left_to_the_guests(
    tmp_path: Path, isolated: str, nohz_full: str, left: set[int]
) -> None:
    cpus(tmp_path, "isolated", isolated)
    cpus(tmp_path, "nohz_full", nohz_full)
    assert housekeeping_cpus(tmp_path, {0, 1, 2, 3}) == left


def test_a_host_that_does_not_tell_keeps_all_cpus(tmp_path: Path) -> None:
    assert housekeeping_cpus(tmp_path, os.sched_getaffinity(0)) == os.sched_getaffinity(0)


READERS = """
import subprocess, threading
from kvmedic.adapters.priority import lower_own_priority
lower_own_priority()
def tell(): print(subprocess.run(["ionice", "-p", str(threading.get_native_id())],
                  capture_output=True, text=True, check=True).stdout.strip())
tell()
reader = threading.Thread(target=tell)
reader.start()
reader.join()
print(subprocess.run(["ionice"], capture_output=True, text=True, check=True).stdout.strip())
"""


def test_the_readers_of_the_page_map_and_the_children_use_idle_disk_time_too() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", READERS], capture_output=True, text=True, check=True, timeout=30
    )
    assert ended.stdout.splitlines() == ["idle"] * 3
