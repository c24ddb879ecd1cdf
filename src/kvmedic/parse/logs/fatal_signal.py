"""Signals that end a process with a core: the kernel's own word of them, and the audit system's.

kernel/signal.c prints "potentially unexpected fatal signal" where print-fatal-signals is on;
systemd-coredump and abrt tell of the core that they keep;
kernel/auditsc.c writes a record of type 1701 (ANOM_ABEND), to the kernel's log where no audit daemon runs.
"""

from __future__ import annotations

import re
from typing import Literal

from kvmedic.model.log_event import QemuEvent
from kvmedic.parse.logs.envelope import LogLine
from kvmedic.parse.logs.numbers import whole
from kvmedic.parse.logs.report import Collector, Context
from kvmedic.parse.logs.task_table import is_qemu_comm
from kvmedic.parse.logs.trace import TraceParts

ABORT = 6
LONGEST_RECORD = 1024
"""Characters of a record that are looked at: its pattern is slow on endless lines."""
_FATAL = re.compile(r"potentially unexpected fatal signal (\d{1,3})")
_ABEND = re.compile(
    r"type=(?:1701|ANOM_ABEND) .{0,400}? pid=(\d{1,10}) comm=\"?([^\" ]{1,64})\"?.{0,300}? sig=(\d{1,3})"
)

_DUMPED = re.compile(
    r"Process (\d{1,10}) \((.{1,32}?)\) of user \d{1,10} "
    r"(?:dumped core|terminated abnormally with signal (\d{1,3})|killed by SIG([A-Z]{2,6}))"
)
_NUMBERS = {"ABRT": 6, "BUS": 7, "SEGV": 11}


def open_fatal_signal(context: Context, line: LogLine) -> FatalSignalCollector | QemuEvent | None:
    """The end of a QEMU that this line tells, or the beginning of such a report; None for other lines."""
    abend = _ABEND.search(line.message[:LONGEST_RECORD])
    if abend is not None:
        if not is_qemu_comm(abend[2]):
            return None
        return _event(context, line, comm=abend[2], pid=whole(abend[1]), signal=int(abend[3]))
    dumped = _DUMPED.search(line.message)
    if dumped is not None:
        if not is_qemu_comm(dumped[2]):
            return None
        signal = whole(dumped[3]) or _NUMBERS.get(dumped[4] or "")
        return _event(context, line, comm=dumped[2], pid=whole(dumped[1]), signal=signal)
    match = _FATAL.search(line.message) if line.is_kernel else None
    return None if match is None else FatalSignalCollector(context, line, int(match[1]))


class FatalSignalCollector(Collector):
    """Waits for the line that names the process."""

    tag = "qemu"
    patience = 4
    longest = 60

    def __init__(self, context: Context, line: LogLine, signal: int) -> None:
        super().__init__(context, line)
        self._signal = signal
        self._trace = TraceParts()

    def claims(self, line: LogLine) -> bool:
        """Take the registers and the line with the process."""
        return "fatal signal" not in line.message and self._trace.claims(line.message)

    def finish(self) -> QemuEvent | None:
        """The event, where it was a QEMU."""
        comm = self._trace.comm
        if comm is None or not is_qemu_comm(comm):
            return None
        return _event(self.context, self.head, comm=comm, pid=self._trace.pid, signal=self._signal)


def _event(context: Context, line: LogLine, *, comm: str, pid: int | None, signal: int | None) -> QemuEvent:
    kind: Literal["assertion", "segfault"] = "assertion" if signal == ABORT else "segfault"
    return QemuEvent(
        at=context.at(line),
        host=line.host,
        lines=context.proof(line),
        kind=kind,
        domain=None,
        pid=pid,
        comm=comm,
        reason="a core was written" if signal is None else f"signal {signal}",
        signal=signal,
        sender_pid=None,
        sender=None,
        failure=None,
        errno=None,
        detail=line.message[:500],
    )
