"""What all many-line reports share: a collector takes the lines that are its own until its report ends."""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import Enum
from typing import ClassVar, Final

from kvmedic.model.log_event import LogEvent
from kvmedic.model.log_line import LineRef, Moment
from kvmedic.parse.logs.envelope import LogLine
from kvmedic.parse.logs.mem_info import is_zone_line

KEPT_LINES: Final = 20
KEPT_LINES_OF_ZONES: Final = 9
"""A host of many NUMA nodes must not crowd out the lines that name the victim."""
KEPT_LINE_CHARACTERS: Final = 2048
WALL_PATIENCE_S: Final = 300.0
"""A syslog daemon writes late when memory is short: its clock parts reports only by minutes."""


class Progress(Enum):
    """What a collector did with a line."""

    IGNORED = 0
    TAKEN = 1
    ENDED = 2
    """The line was not taken, and the report is over."""


class Context:
    """What an event needs beside its line: the name of the source and the number of the boot."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.boot = 0
        self.is_pstore = False

    def at(self, line: LogLine) -> Moment:
        """The line's moment in the current boot."""
        return line.moment(self.boot)

    def ref(self, line: LogLine) -> LineRef:
        """The line as proof, cut to a bounded length; canonical journal lines show their message."""
        text = line.raw if not line.raw.startswith("\x1e") else f"{line.identifier or ''}: {line.message}"
        return LineRef(source=self.source, line_number=line.number, text=text[:KEPT_LINE_CHARACTERS])

    def proof(self, line: LogLine) -> tuple[LineRef, ...]:
        """The line as the only proof of an event."""
        return (self.ref(line),)


class Collector(ABC):
    """One open report. Subclasses say which lines are theirs and what they amount to.

    A report ends when nothing of it came for ``patience`` lines or ``patience_s`` seconds, when it has
    ``longest`` lines, or when its own last line came. Lines that another thread or CPU wrote in between
    (told by printk's caller id) are not taken.
    """

    tag: ClassVar[str]
    """The kind of event this report becomes."""
    patience: int = 24
    patience_s: float = 10.0
    longest: int = 400

    def __init__(self, context: Context, line: LogLine) -> None:
        self.context = context
        self.head = line
        self.at = context.at(line)
        self.refs: list[LineRef] = [context.ref(line)]
        self._taken = 1
        self._idle = 0
        self._last = line

    @abstractmethod
    def claims(self, line: LogLine) -> bool:
        """Take what the line says if it belongs to this report."""

    @abstractmethod
    def finish(self) -> LogEvent | None:
        """The event, from whatever was taken."""

    def is_over(self) -> bool:
        """True when the report's own last line has come."""
        return False

    def keep(self, line: LogLine) -> None:
        """Keep a line as proof, while there is room."""
        if len(self.refs) < KEPT_LINES:
            self.refs.append(self.context.ref(line))

    def keep_zone(self, line: LogLine) -> None:
        """Keep a zone's watermarks or free blocks as proof, while there is room for what comes later."""
        if len(self.refs) < KEPT_LINES_OF_ZONES and is_zone_line(line.message):
            self.refs.append(self.context.ref(line))

    def take(self, line: LogLine) -> Progress:
        """Offer the next line of the log."""
        if self._is_out_of_patience(line):
            return Progress.ENDED
        if self._is_foreign(line) or not self.claims(line):
            self._idle += 1
            return Progress.IGNORED
        self._idle = 0
        self._taken += 1
        self._last = line
        return Progress.TAKEN

    def _is_out_of_patience(self, line: LogLine) -> bool:
        if self._idle >= self.patience or self._taken >= self.longest or self.is_over():
            return True
        before, now = self._last.monotonic_s, line.monotonic_s
        if before is not None and now is not None:
            return not (-1.0 <= now - before <= self.patience_s)
        before, now = self._last.wall_s, line.wall_s
        return before is not None and now is not None and abs(now - before) > WALL_PATIENCE_S

    def _is_foreign(self, line: LogLine) -> bool:
        """Not the kernel's, or by another caller than the header's."""
        if not line.is_kernel:
            return True
        return self.head.caller is not None and line.caller is not None and line.caller != self.head.caller
