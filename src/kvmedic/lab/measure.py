"""Reads the host and the QEMUs of an experiment at one moment, by one shell text; and hears guests beat."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from kvmedic.errors import OutcomeUnknownError
from kvmedic.lab.results import Reading
from kvmedic.units import KIB

Shell = Callable[[str], str]
# The group of a QEMU is the parent of "emulator", by the v1 memory hierarchy or the unified one.
SCRIPT = """
for f in meminfo buddyinfo vmstat; do echo "@$f"; cat /proc/$f; done
for n in {names}; do
  p=$(cat /run/libvirt/qemu/$n.pid 2>/dev/null) && [ -d /proc/$p ] || continue
  echo "@qemu"; grep VmRSS /proc/$p/status
  grep AnonHugePages /proc/$p/smaps_rollup
  virsh -q domstats $n --balloon
  g=$(grep -E '^[0-9]+:([^:]*,)?memory(,[^:]*)?:' /proc/$p/cgroup | cut -d: -f3)
  if [ -n "$g" ]; then
    d=/sys/fs/cgroup/memory${{g%/emulator}}; echo "usage $(cat $d/memory.usage_in_bytes)"
  else
    g=$(grep '^0::' /proc/$p/cgroup | cut -d: -f3)
    d=/sys/fs/cgroup${{g%/emulator}}; echo "usage $(cat $d/memory.current)"
  fi
  cat $d/memory.stat
done
"""
SETTLE_S = 3.0
"""CPUs keep statistics to themselves for a second or two, and QEMU tells of its balloon every two seconds."""


def read_host(sh: Shell, names: Sequence[str], began_s: float) -> Reading:
    """One reading, after the statistics have settled."""
    time.sleep(SETTLE_S)
    text = sh(SCRIPT.format(names=" ".join(names)))
    return parse_reading(text, round(time.monotonic() - began_s, 1))


def parse_reading(text: str, at_s: float) -> Reading:
    """The reading that ``SCRIPT`` printed. Raises OutcomeUnknownError when a part of it is missing."""
    parts = [part.partition("\n") for part in text.split("@")[1:]]
    host = {name: body for name, _, body in parts if name != "qemu"}
    qemus = [_pairs(body) for name, _, body in parts if name == "qemu"]
    try:
        return _reading(_pairs(host["meminfo"]), host["buddyinfo"], _pairs(host["vmstat"]), qemus, at_s)
    except KeyError as error:
        raise OutcomeUnknownError(f"no {error} in a reading: {text[-200:]!r}") from error


def _reading(
    meminfo: Mapping[str, int],
    buddyinfo: str,
    vmstat: Mapping[str, int],
    qemus: Sequence[Mapping[str, int]],
    at_s: float,
) -> Reading:
    lru = meminfo["Active(anon)"] + meminfo["Inactive(anon)"]
    return Reading(
        at_s=at_s,
        mem_free_bytes=meminfo["MemFree"] * KIB,
        mem_available_bytes=meminfo["MemAvailable"] * KIB,
        free_blocks=_blocks(buddyinfo),
        host_stranded_bytes=max(lru - meminfo["AnonPages"] - meminfo["Shmem"], 0) * KIB,
        stranded_bytes=_sum(map(_stranded, qemus)),
        charged_bytes=_sum(qemu["usage"] for qemu in qemus),
        rss_bytes=_sum(qemu["VmRSS"] * KIB for qemu in qemus),
        huge_bytes=_sum(qemu["AnonHugePages"] * KIB for qemu in qemus),
        actual_bytes=_sum(qemu["balloon.current"] * KIB for qemu in qemus),
        maximum_bytes=_sum(qemu["balloon.maximum"] * KIB for qemu in qemus),
        guests=len(qemus),
        oom_kills=vmstat["oom_kill"],
    )


def _stranded(qemu: Mapping[str, int]) -> int:
    """Anonymous memory on the group's lists that nobody maps (v1 calls the mapped part rss, v2 anon)."""
    listed = qemu["active_anon"] + qemu["inactive_anon"]
    mapped = qemu["rss"] if "rss" in qemu else qemu["anon"]
    return max(listed - mapped - qemu.get("shmem", 0), 0)


def _sum(values: Iterable[int]) -> int | None:
    found = list(values)
    return sum(found) if found else None


def _pairs(text: str) -> dict[str, int]:
    """Names and numbers of lines like ``MemFree:  12 kB``, ``usage 12`` or ``balloon.current=12``."""
    return {name: int(number) for name, number in re.findall(r"^\s*([\w().]+)[:=\s]\s*(\d+)", text, re.M)}


def _blocks(buddyinfo: str) -> tuple[int, ...]:
    rows = [[int(word) for word in line.split()[4:]] for line in buddyinfo.splitlines() if line.strip()]
    return tuple(map(sum, zip(*rows, strict=True)))


LIFE = re.compile(r"COUNT \d+|READY agent")
LONGEST_CALM_S = 3.0


class Pulse:
    """Listens to a guest's console, on which its agent counts seconds; a context manager.

    ``consoles``: a guest that moves has one on each host.
    """

    def __init__(self, *consoles: Path) -> None:
        self._seen = {console: _size(console) for console in consoles}
        self._beats: list[float] = [time.monotonic()]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> Pulse:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def longest_gap_s(self, since_s: float, until_s: float) -> float:
        """The longest silence that began in this span (monotonic seconds)."""
        beats = [*self._beats, max(until_s, self._beats[-1])]
        gaps = [later - earlier for earlier, later in pairwise(beats) if since_s - 3 <= earlier <= until_s]
        return round(max(gaps, default=0.0), 1)

    def downtime_s(self, since_s: float, until_s: float) -> float:
        """The longest silence less one beat; 0 where it is within what a calm guest shows."""
        gap = self.longest_gap_s(since_s, until_s)
        return round(gap - 1.0, 1) if gap > LONGEST_CALM_S else 0.0

    def _listen(self) -> None:
        while not self._stop.wait(0.2):
            for console in self._seen:
                self._hear(console)

    def _hear(self, console: Path) -> None:
        seen, size = self._seen[console], _size(console)
        if size <= seen:
            return
        with console.open("rb") as file:
            file.seek(seen)
            new = file.read(size - seen)
        if LIFE.search(new.decode(errors="replace")):
            self._beats.append(time.monotonic())
        self._seen[console] = size


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
