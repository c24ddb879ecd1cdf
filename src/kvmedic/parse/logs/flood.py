"""Lines of one shape that repeat without end: after the first thousands they are counted, not read again.

A shape is a line without its digits. Only shapes that made an event before are counted as that event; the
latest line of a flood is kept, so that its end is known.
"""

from __future__ import annotations

from typing import Final

FLOOD_LINES: Final = 2000
MOST_SHAPES: Final = 4096
_DIGITS: Final = b"0123456789abcdef"


class _Shape:
    __slots__ = ("last", "tag", "times")

    def __init__(self) -> None:
        self.times = 0
        self.tag: str | None = None
        self.last: tuple[int, bytes, int] | None = None


class Floods:
    """Counts the shapes of the lines that patterns match; ``longest`` None: nothing is a flood."""

    def __init__(self, *, longest: int | None = FLOOD_LINES) -> None:
        self._longest = longest
        self._shapes: dict[bytes, _Shape] = {}
        self._current: _Shape | None = None
        self.has_any = False

    def is_flooded(self, raw: bytes, number: int, boot: int, *, is_open: bool) -> bool:
        """Note a line; True where its shape came so often that it need not be read.

        While a report is open only lines that begin reports are skipped: others may belong to it.
        """
        if self._longest is None:
            return False
        key = raw.translate(None, _DIGITS)
        shape = self._shapes.get(key)
        if shape is None:
            shape = _Shape()
            if len(self._shapes) < MOST_SHAPES:
                self._shapes[key] = shape
        shape.times += 1
        self._current = shape
        if shape.times <= self._longest or (is_open and shape.tag is None):
            return False
        shape.last = (number, raw, boot)
        self.has_any = True
        return True

    def opened(self, tag: str) -> None:
        """Say that the line noted last made an event of this kind."""
        if self._current is not None:
            self._current.tag = tag

    def uncounted(self) -> dict[str, int]:
        """How many events of each kind were not read."""
        counts: dict[str, int] = {}
        for shape in self._shapes.values():
            if shape.tag is not None and shape.times > FLOOD_LINES:
                counts[shape.tag] = counts.get(shape.tag, 0) + shape.times - FLOOD_LINES
        return counts

    def latest(self) -> list[tuple[int, bytes, int]]:
        """Number, text and boot of the latest line of each flood that made events, as in the log."""
        return sorted(shape.last for shape in self._shapes.values() if shape.last and shape.tag)
