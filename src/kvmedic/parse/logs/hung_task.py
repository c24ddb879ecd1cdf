"""Tasks in uninterruptible sleep for too long (kernel/hung_task.c; the blocker is named since 6.15)."""

from __future__ import annotations

import re

from kvmedic.model.kernel_event import HungTask
from kvmedic.model.memory_report import Task
from kvmedic.parse.logs.envelope import LogLine
from kvmedic.parse.logs.numbers import whole
from kvmedic.parse.logs.report import Collector, Context
from kvmedic.parse.logs.trace import TraceParts

_HEADER = re.compile(
    r"(?:INFO: )?task (.{0,64}?):(\d{1,10}) blocked [a-zA-Z_/ ]{0,40}?for more than (\d{1,9}) seconds"
)
_BLOCKER = re.compile(r"is blocked on an? .{1,40}? (?:likely )?owned by task (.{0,64}):(\d{1,10})")
_RELEASE = re.compile(r"\s+(?:Not tainted|Tainted: .{1,60}?) +(\d+\.\d+\S{0,80}) #")


def open_hung_task(context: Context, line: LogLine) -> HungTaskCollector | None:
    """A collector where the line begins such a report."""
    match = _HEADER.search(line.message) if line.is_kernel else None
    return None if match is None else HungTaskCollector(context, line, match)


class HungTaskCollector(Collector):
    """Collects the header and the task's stack."""

    tag = "hung-task"
    patience = 8
    longest = 160

    def __init__(self, context: Context, line: LogLine, match: re.Match[str]) -> None:
        super().__init__(context, line)
        self._match = match
        self._trace = TraceParts()
        self._blocker: Task | None = None
        self._release: str | None = None

    def claims(self, line: LogLine) -> bool:
        """Take a line of the report; a second header is the next report."""
        message = line.message
        blocker = _BLOCKER.search(message)
        if blocker is not None:
            self._blocker = Task(comm=blocker[1], pid=whole(blocker[2]), cpu=None)
            self.keep(line)
            return True
        if "blocked" in message or "ernel panic" in message:
            return False
        release = _RELEASE.match(message)
        if release is not None:
            self._release = release[1]
            return True
        if "hung_task_timeout_secs" in message:
            return True
        return "state:D" in message or self._trace.claims(message)

    def finish(self) -> HungTask:
        """The report, from whatever was taken."""
        return HungTask(
            at=self.at,
            host=self.head.host,
            lines=tuple(self.refs),
            task=Task(comm=self._match[1], pid=whole(self._match[2]), cpu=None),
            blocked_s=int(self._match[3]),
            blocker=self._blocker,
            call_trace=tuple(self._trace.functions),
            kernel_release=self._release or self._trace.kernel_release,
        )
