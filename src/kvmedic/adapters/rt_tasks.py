"""Realtime tasks on isolated CPUs: compaction needs every CPU once, and such a task may never yield one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from kvmedic.adapters.priority import housekeeping_cpus
from kvmedic.model.gap import Missing, Reason

_KERNEL_THREAD = 0x00200000
_REALTIME = ("1", "2")
"""SCHED_FIFO and SCHED_RR (include/uapi/linux/sched.h)."""
_FLAGS, _PROCESSOR, _POLICY = 6, 36, 38
"""Places behind the comm in /proc/PID/stat (fs/proc/array.c, do_task_stat: fields 9, 39, 41)."""


def realtime_tasks_on_isolated_cpus(root: Path = Path("/")) -> tuple[str, ...] | Missing:
    """ "COMM (TASK) on CPU n" of each realtime task of user space on an isolated or tickless CPU."""
    online = _cpus(root)
    isolated = online - housekeeping_cpus(root, online)
    if not isolated:
        return ()
    try:
        return tuple(_found(root, isolated))
    except OSError as error:
        return Missing(source="proc", reason=Reason.DENIED, detail=str(error.strerror))


def _cpus(root: Path) -> set[int]:
    return {
        int(path.name[3:])
        for path in (root / "sys/devices/system/cpu").glob("cpu[0-9]*")
        if path.name[3:].isdigit()
    }


def _found(root: Path, isolated: set[int]) -> Iterator[str]:
    for path in (root / "proc").glob("[0-9]*/task/[0-9]*/stat"):
        try:
            head, _, rest = path.read_text(errors="replace").rpartition(")")
        except (FileNotFoundError, ProcessLookupError):
            continue
        words = rest.split()
        if len(words) <= _POLICY or int(words[_FLAGS]) & _KERNEL_THREAD:
            continue
        if words[_POLICY] in _REALTIME and int(words[_PROCESSOR]) in isolated:
            yield f"{head.partition('(')[2]} ({path.parent.name}) on CPU {words[_PROCESSOR]}"
