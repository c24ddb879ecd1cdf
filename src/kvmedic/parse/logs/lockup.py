"""CPUs that stopped scheduling: soft and hard lockups (kernel/watchdog.c), RCU stalls (kernel/rcu)."""

from __future__ import annotations

import re
from typing import Literal

from kvmedic.model.kernel_event import Lockup
from kvmedic.model.memory_report import Task
from kvmedic.parse.logs.envelope import LogLine
from kvmedic.parse.logs.numbers import whole
from kvmedic.parse.logs.report import Collector, Context
from kvmedic.parse.logs.trace import TraceParts

_SOFT = re.compile(r"soft lockup - CPU#(\d{1,5}) stuck for (\d{1,9})s!(?: \[(.{0,64}?):(\d{1,10})\])?")
_HARD = re.compile(r"[Hh]ard (?:LOCKUP|lockup) on cpu (\d{1,5})", re.IGNORECASE)
_RCU = re.compile(r"rcu.{0,32}?(?:self-)?detected (?:expedited )?stalls? on CPU", re.IGNORECASE)
_RCU_LINE = re.compile(
    r"(?:rcu: )?\s*(?:(\d{1,5})-[.?!oONDl0-9]{1,8}: |\(?(?:detected by \d+, )?t=|blocking rcu_node|"
    r".{0,40}kthread )"
)


def open_lockup(context: Context, line: LogLine) -> LockupCollector | None:
    """A collector where the line begins such a report."""
    if not line.is_kernel or "ernel panic" in line.message:
        return None
    for kind, pattern in _KINDS:
        match = pattern.search(line.message)
        if match is not None:
            return LockupCollector(context, line, kind, match)
    return None


class LockupCollector(Collector):
    """Collects the header and the stack of the CPU that was stuck."""

    tag = "lockup"
    patience = 10
    longest = 400

    def __init__(
        self, context: Context, line: LogLine, kind: Literal["soft", "hard", "rcu"], match: re.Match[str]
    ) -> None:
        super().__init__(context, line)
        self._kind = kind
        self._match = match
        self._trace = TraceParts()
        self._cpus: dict[int, None] = {}
        if kind == "rcu":
            self._take_rcu(line.message)
        else:
            self._cpus[int(match[1])] = None

    def claims(self, line: LogLine) -> bool:
        """Take a line of the report."""
        message = line.message
        if "lockup" in message or "LOCKUP" in message or "detected stall" in message:
            return False
        if "ernel panic" in message:
            return False
        if self._kind == "rcu" and _RCU_LINE.match(message):
            self._take_rcu(message)
            return True
        return self._trace.claims(message)

    def _take_rcu(self, message: str) -> None:
        row = _RCU_LINE.match(message)
        found = [row[1]] if row and row[1] else re.findall(r"\{ *(\d{1,5})|on CPU (\d{1,5})", message)
        for item in found[:64]:
            number = item if isinstance(item, str) else item[0] or item[1]
            self._cpus[int(number)] = None

    def finish(self) -> Lockup:
        """The report, from whatever was taken."""
        task = self._trace.task
        if self._kind == "soft" and self._match[3] is not None:
            task = Task(comm=self._match[3], pid=whole(self._match[4]), cpu=int(self._match[1]))
        return Lockup(
            at=self.at,
            host=self.head.host,
            lines=tuple(self.refs),
            kind=self._kind,
            task=task,
            cpus=tuple(self._cpus),
            stuck_s=whole(self._match[2]) if self._kind == "soft" else None,
            hardware_name=self._trace.hardware_name,
            kernel_release=self._trace.kernel_release,
            instruction=self._trace.instruction,
            is_in_user_mode=self._trace.is_in_user_mode,
            call_trace=tuple(self._trace.functions),
        )


_KINDS: tuple[tuple[Literal["soft", "hard", "rcu"], re.Pattern[str]], ...] = (
    ("soft", _SOFT),
    ("hard", _HARD),
    ("rcu", _RCU),
)
