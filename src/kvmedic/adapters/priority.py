"""Our own manners on a host that may be dying: the first to be killed, the last to be scheduled, small."""

from __future__ import annotations

import ctypes
import os
import platform
import resource
from contextlib import suppress
from pathlib import Path

from kvmedic.errors import ParseError
from kvmedic.parse.cpu_list import parse_cpu_list

MEMORY_CEILING_BYTES = 2 * 1024**3
"""Limit of private memory (RLIMIT_DATA): a runaway of ours ends in MemoryError, not in the OOM killer."""

_NICE = 10
_IOPRIO_SET = {"x86_64": 251, "aarch64": 30, "ppc64le": 273, "s390x": 282, "riscv64": 30}
_IOPRIO_WHO_PROCESS = 1
_IOPRIO_CLASS_IDLE = 3 << 13


def lower_own_priority(root: Path = Path("/")) -> None:
    """Take the manners, for this process and all it starts; what the system refuses stays as it is."""
    with suppress(OSError):
        (root / "proc/self/oom_score_adj").write_text("1000")
    with suppress(OSError):
        os.nice(max(0, _NICE - os.getpriority(os.PRIO_PROCESS, 0)))
    _use_idle_disk_time()
    with suppress(OSError, ValueError):
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        ceiling = MEMORY_CEILING_BYTES if hard == resource.RLIM_INFINITY else min(MEMORY_CEILING_BYTES, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (ceiling, hard))
    cpus = housekeeping_cpus(root, os.sched_getaffinity(0))
    with suppress(OSError):
        os.sched_setaffinity(0, cpus)


def housekeeping_cpus(root: Path, allowed: set[int]) -> set[int]:
    """Of the allowed CPUs those that are neither isolated nor without a tick; all of them if none is left."""
    kept_free = _cpus(root / "sys/devices/system/cpu/isolated") | _cpus(
        root / "sys/devices/system/cpu/nohz_full"
    )
    return allowed - kept_free or allowed


def _cpus(path: Path) -> set[int]:
    """The numbers of a list such as "2-5,8"; none where the file is missing or says "(null)"."""
    try:
        listed = parse_cpu_list(path.read_text(encoding="ascii", errors="replace"), str(path))
    except (OSError, ParseError):
        return set()
    ranges = (part.partition("-") for part in listed.split(",") if part)
    return {cpu for first, _, last in ranges for cpu in range(int(first), int(last or first) + 1)}


def _use_idle_disk_time() -> None:
    """ioprio_set(2) has no wrapper in C libraries; where we do not know its number it is left out."""
    number = _IOPRIO_SET.get(platform.machine())
    if number is not None:
        ctypes.CDLL(None, use_errno=True).syscall(number, _IOPRIO_WHO_PROCESS, 0, _IOPRIO_CLASS_IDLE)
