"""The processes of a host that matter: its QEMUs, its daemons, and what else is large.

Found by comm, stat and the exe link only, which no stuck process can hold up; a command line can wait for the
process's mmap_lock for ever (fs/proc/base.c, get_mm_cmdline) and is read in a disposable child.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Literal, NamedTuple

from kvmedic.adapters.files import gap_of_errno, read_file
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.reading_list import (
    DAEMONS,
    MOST_QEMU_PROCESSES,
    MOST_SERVICES,
    QEMU_NAMES,
    SMALLEST_SERVICE_BYTES,
)

ProcessKind = Literal["qemu", "daemon", "service"]
_DAEMONS_BY_COMM = {name[:15]: name for name in sorted(DAEMONS)}
_KERNEL_THREAD = 0x00200000
OTHERS = "kvmedic/process/others"
"""In its place stands the gap of the processes that are hidden from us; nothing where none are."""
_STAT_BYTES = 4096
_MOST_D_STATE = 200


class Process(NamedTuple):
    """A line of /proc/PID/stat as far as we choose by it."""

    pid: int
    comm: str
    state: str
    flags: int
    rss_bytes: int


class Chosen(NamedTuple):
    """A process whose files are evidence, and why."""

    pid: int
    kind: ProcessKind
    comm: str


def list_processes(root: Path) -> list[Process]:
    """Every process that still exists when its stat is read, by number."""
    try:
        with os.scandir(root / "proc") as entries:
            pids = sorted(
                int(entry.name) for entry in entries if entry.name.isascii() and entry.name.isdigit()
            )
    except OSError:
        return []
    return [process for pid in pids if (process := _process(root, f"proc/{pid}/stat")) is not None]


def choose(root: Path, processes: Iterable[Process]) -> list[Chosen]:
    """QEMUs and daemons by name, and the largest of the rest by RSS."""
    chosen: list[Chosen] = []
    rest: list[Process] = []
    for process in processes:
        if process.flags & _KERNEL_THREAD or process.state == "Z":
            continue
        if is_qemu(root, process):
            chosen.append(Chosen(process.pid, "qemu", process.comm))
        elif daemon := _daemon_name(process.comm):
            chosen.append(Chosen(process.pid, "daemon", daemon))
        elif process.rss_bytes >= SMALLEST_SERVICE_BYTES:
            rest.append(process)
    largest = sorted(rest, key=lambda process: -process.rss_bytes)[:MOST_SERVICES]
    chosen.extend(Chosen(process.pid, "service", process.comm) for process in largest)
    return chosen[: MOST_QEMU_PROCESSES + MOST_SERVICES]


def is_qemu(root: Path, process: Process) -> bool:
    """Whether it runs a QEMU system emulator: by the name it shows, or by its binary."""
    if process.comm.startswith("qemu-system-") or process.comm in QEMU_NAMES - {"kvm", "qemu"}:
        return True
    with suppress(OSError):
        binary = (root / f"proc/{process.pid}/exe").readlink().name.removesuffix(" (deleted)")
        return binary.startswith("qemu-system-") or binary in QEMU_NAMES
    return process.comm in QEMU_NAMES


def others_gap(processes: Iterable[Process]) -> Missing | None:
    """Whether processes are hidden from us: then no kernel thread is to be seen, and every host has some.

    So it is in a container with PIDs of its own, and for a user on a /proc mounted with hidepid.
    """
    if any(process.flags & _KERNEL_THREAD for process in processes):
        return None
    detail = "only the processes of this container or user are visible here"
    return Missing(source=OTHERS, reason=Reason.DENIED, detail=detail)


def kinds_text(chosen: Iterable[Chosen]) -> bytes:
    """The rows of kvmedic/process/kinds."""
    rows = (f"{each.pid} {each.kind}{f' {each.comm}' if each.kind == 'daemon' else ''}\n" for each in chosen)
    return "".join(rows).encode()


def d_state_tasks(
    root: Path, processes: Iterable[Process], qemu_pids: Iterable[int]
) -> list[tuple[int, str]]:
    """(task, comm) of what sleeps uninterruptibly: processes, and the threads of QEMUs."""
    found = {process.pid: process.comm for process in processes if process.state == "D"}
    for pid in qemu_pids:
        found.update((task.pid, task.comm) for task in _threads(root, pid) if task.state == "D")
    return sorted(found.items())[:_MOST_D_STATE]


def d_state_text(root: Path, tasks: Iterable[tuple[int, str]]) -> bytes:
    """The rows of kvmedic/process/d_state: PID COMM WCHAN; "-" where the kernel hides the place."""
    rows = []
    for task, comm in tasks:
        place = read_file(root, f"proc/{task}/wchan", _STAT_BYTES)
        shown = "-" if isinstance(place, Missing) else place.decode("ascii", "replace").strip()
        rows.append(f"{task} {comm} {'-' if shown in {'', '0'} else shown}\n")
    return "".join(rows).encode()


def count_open_files(root: Path, pid: int, source: str) -> int | Missing:
    """How many file descriptors a process holds, or why that cannot be told."""
    try:
        with os.scandir(root / f"proc/{pid}/fd") as entries:
            return sum(1 for _ in entries)
    except OSError as error:
        return gap_of_errno(error.errno, source)


def _threads(root: Path, pid: int) -> Iterator[Process]:
    with suppress(OSError), os.scandir(root / f"proc/{pid}/task") as entries:
        for name in sorted(entry.name for entry in entries):
            thread = _process(root, f"proc/{pid}/task/{name}/stat")
            if thread is not None:
                yield thread


def _process(root: Path, path: str) -> Process | None:
    """comm may hold blanks and brackets: it ends at the last closing one (fs/proc/array.c, do_task_stat)."""
    stat = read_file(root, path, _STAT_BYTES)
    if isinstance(stat, Missing):
        return None
    head, opened, rest = stat.decode("utf-8", "replace").partition("(")
    comm, closed, tail = rest.rpartition(")")
    words = tail.split()
    if not (opened and closed and len(words) > 21):
        return None
    try:
        rss_bytes = int(words[21]) * os.sysconf("SC_PAGE_SIZE")
        return Process(int(head), _printable(comm), words[0], int(words[6]), rss_bytes)
    except ValueError:
        return None


def _printable(comm: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in comm)


def _daemon_name(comm: str) -> str | None:
    return _DAEMONS_BY_COMM.get(comm)
