"""Which events are kept of a kind that repeats without end: the first and the last; all are counted."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from typing import Final

from kvmedic.model.log_event import BootStarted, LogEvent

KEPT_FIRST: Final = 150
KEPT_LAST: Final = 350


class EventStore:
    """Bounded store of events, one shelf for each kind."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._first: dict[str, list[LogEvent]] = {}
        self._last: dict[str, deque[LogEvent]] = {}
        self._again: list[LogEvent] = []
        self._again_from: int | None = None

    def add(self, event: LogEvent) -> None:
        """Count an event, and keep it as first or as latest of its kind."""
        tag = tag_of(event)
        self.counts[tag] += 1
        first = self._first.setdefault(tag, [])
        if len(first) < KEPT_FIRST:
            first.append(event)
        else:
            self._last.setdefault(tag, deque(maxlen=KEPT_LAST)).append(event)

    def first_line_from(self, number: int) -> int:
        """The first line of the first event that begins at this line or behind it; ``number`` if none."""
        return min((at for event in self._kept() if (at := line_of(event)) >= number), default=number)

    def read_again(self, events: Iterable[LogEvent], number: int) -> None:
        """Events from line ``number`` on, read once more in full, replace what was kept of them."""
        self._again = [event for event in events if not isinstance(event, BootStarted)]
        self._again_from = number

    def events(self) -> tuple[LogEvent, ...]:
        """What was kept, in the order of the log."""
        kept = self._kept()
        number = self._again_from
        if number is not None:
            kept = [event for event in kept if line_of(event) < number or isinstance(event, BootStarted)]
            kept += [event for event in self._again if line_of(event) >= number]
        return tuple(sorted(kept, key=line_of))

    def _kept(self) -> list[LogEvent]:
        return [event for shelf in (*self._first.values(), *self._last.values()) for event in shelf]


def line_of(event: LogEvent) -> int:
    """The number of an event's first line."""
    return event.lines[0].line_number


def tag_of(event: LogEvent) -> str:
    """The permanent name of an event's kind."""
    return str(event.__struct_config__.tag)
