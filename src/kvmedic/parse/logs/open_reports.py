"""The reports that are being collected: who gets the next line, and when a report is closed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kvmedic.model.log_event import LogEvent
from kvmedic.parse.logs.envelope import LogLine
from kvmedic.parse.logs.report import Collector, Progress

MOST_OPEN_REPORTS: Final = 6
FULL_REPORTS: Final = 200
"""So many of a kind are read line by line; of later ones only the lines that a pattern matches."""


class OpenReports:
    """The open collectors of one log; ``emit`` gets each event when its report is over."""

    def __init__(self, emit: Callable[[LogEvent], None]) -> None:
        self._emit = emit
        self._open: list[Collector] = []
        self._opened: dict[type[Collector], int] = {}
        self._light: set[int] = set()
        self.has_light = False

    def __bool__(self) -> bool:
        return bool(self._open)

    @property
    def wants_all_lines(self) -> bool:
        """True while a report is open that is read line by line."""
        return len(self._open) > len(self._light)

    def offer(self, line: LogLine) -> bool:
        """Offer a line, to the newest report first; close those that are over. True when it was taken."""
        for collector in reversed(self._open):
            progress = collector.take(line)
            if progress is Progress.TAKEN:
                return True
            if progress is Progress.ENDED:
                self._close(collector)
        return False

    def add(self, collector: Collector) -> None:
        """Open a report; it ends an open one of its kind, unless callers tell the two apart."""
        for other in [other for other in self._open if type(other) is type(collector)]:
            if other.head.caller is None or other.head.caller == collector.head.caller:
                self._close(other)
        if len(self._open) >= MOST_OPEN_REPORTS:
            self._close(self._open[0])
        self._open.append(collector)
        count = self._opened[type(collector)] = self._opened.get(type(collector), 0) + 1
        if count > FULL_REPORTS:
            self._light.add(id(collector))
            self.has_light = True

    def close_all(self) -> None:
        """Close every open report."""
        for collector in list(self._open):
            self._close(collector)

    def _close(self, collector: Collector) -> None:
        self._open.remove(collector)
        self._light.discard(id(collector))
        event = collector.finish()
        if event is not None:
            self._emit(event)
