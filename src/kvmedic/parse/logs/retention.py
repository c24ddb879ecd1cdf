"""Which events are kept of a kind that repeats without end: the first and the last; all are counted."""

from __future__ import annotations

from collections import Counter, deque
from typing import Final

from kvmedic.model.log_event import LogEvent

KEPT_FIRST: Final = 150
KEPT_LAST: Final = 350


class EventStore:
    """Bounded store of events, one shelf for each kind."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._first: dict[str, list[LogEvent]] = {}
        self._last: dict[str, deque[LogEvent]] = {}

    def add(self, event: LogEvent) -> None:
        """Count an event, and keep it as first or as latest of its kind."""
        tag = tag_of(event)
        self.counts[tag] += 1
        first = self._first.setdefault(tag, [])
        if len(first) < KEPT_FIRST:
            first.append(event)
        else:
            self._last.setdefault(tag, deque(maxlen=KEPT_LAST)).append(event)

    def events(self) -> tuple[LogEvent, ...]:
        """What was kept, in the order of the log."""
        kept = [event for shelf in (*self._first.values(), *self._last.values()) for event in shelf]
        return tuple(sorted(kept, key=lambda event: event.lines[0].line_number))


def tag_of(event: LogEvent) -> str:
    """The permanent name of an event's kind."""
    return str(event.__struct_config__.tag)
