"""``sar`` as text: a header with the day, then a block for each activity, its columns named above it.

The clock has 12 or 24 hours, the date the form of the locale ("11/25/26", "25.11.2026", "2026-11-25",
"2026年11月25日"), numbers either decimal mark. A row earlier than the one before it is of the next day.
"""

from __future__ import annotations

import re
from typing import Final

from kvmedic.model.record import Record
from kvmedic.parse.logs.wall_clock import seconds_since_1970

DAY_S: Final = 86400.0
_HEADER = re.compile(r"\s*Linux \S{1,128} \([^)]{0,255}\)\s+(\S.{3,60}?)\s+_?\w+_?\s+\(\d+ CPU\)")
_CLOCK = re.compile(r"(\d{1,2})[^\w\s](\d\d)[^\w\s](\d\d)(?: ?([AaPp])\.? ?[Mm]\.?)?(?=\s)")
_CLOCK_IN_WORDS = re.compile(
    r"(?:(上午|오전|午前)|(下午|오후|午後))?\s?(\d{1,2})\s?[^\W\d]\s?(\d\d)\s?[^\W\d]\s?(\d\d)\s?[^\W\d](?=\s)"
)
_DAY_OF_FILE = re.compile(r"/?sar?(\d\d)(?:\.\w+)?$")
_NUMBER = re.compile(r"\d{1,15}(?:[.,]\d{1,6})?")
_MOST_COLUMNS: Final = 64


class SarRow(Record, frozen=True, kw_only=True):
    """One row: local time read as if it were UTC, and its numbers by the names of their columns."""

    at_s: float
    interval_s: float | None
    named: tuple[tuple[str, float], ...]


class SarText:
    """Reads a report line by line; ``source`` may end in the day of the month ("sar25")."""

    def __init__(self, source: str) -> None:
        match = _DAY_OF_FILE.search(source)
        self._day_of_file = int(match[1]) if match else None
        self._day_s: float | None = None
        self._names: list[str] = []
        self._last_s: float | None = None
        self._days_on = 0.0

    def read(self, line: str) -> SarRow | None:
        """The row that this line is; None for headers, averages, restarts and everything else."""
        header = _HEADER.match(line)
        if header is not None:
            self._day_s, self._names, self._days_on = self._date(header[1]), [], 0.0
            return None
        clock = _clock(line)
        if clock is None or self._day_s is None:
            return None
        seconds, cells = clock[0], line[clock[1] :].split()[:_MOST_COLUMNS]
        if not cells or "RESTART" in line:
            return None
        if not _NUMBER.fullmatch(cells[-1]):
            self._take_names(cells, seconds)
            return None
        return self._row(seconds, cells)

    def _take_names(self, cells: list[str], seconds: float) -> None:
        if cells != self._names:
            self._names, self._days_on = cells, 0.0
            self._last_s = seconds

    def _row(self, seconds: float, cells: list[str]) -> SarRow | None:
        if len(cells) != len(self._names) or self._day_s is None:
            return None
        if self._last_s is not None and seconds + self._days_on < self._last_s - DAY_S / 2:
            self._days_on += DAY_S
        now = seconds + self._days_on
        interval_s = None if self._last_s is None or now <= self._last_s else now - self._last_s
        self._last_s = now
        pairs = zip(self._names, cells, strict=True)
        named = tuple((name, float(c.replace(",", "."))) for name, c in pairs if _NUMBER.fullmatch(c))
        return SarRow(at_s=self._day_s + now, interval_s=interval_s, named=named)

    def _date(self, text: str) -> float | None:
        """The day of the report, as far as its form and the file's name tell it."""
        numbers = [int(number) for number in re.findall(r"\d{1,4}", text)[:3]]
        if len(numbers) != 3:
            return None
        if numbers[0] > 31:
            year, month, day = numbers
        else:
            year = numbers[2] + (2000 if numbers[2] < 100 else 0)
            month, day = self._month_and_day(numbers[0], numbers[1], is_dotted="." in text)
        if not (1970 <= year < 2200 and 0 < month <= 12 and 0 < day <= 31):
            return None
        return float(seconds_since_1970(year, month, day, 0, 0, 0))

    def _month_and_day(self, one: int, two: int, *, is_dotted: bool) -> tuple[int, int]:
        """Month first, as the C locale prints it, unless points, sizes or the file's name say otherwise."""
        is_day_first = is_dotted or one > 12
        if two <= 12 and one <= 12 and self._day_of_file in (one, two) and one != two:
            is_day_first = self._day_of_file == one
        return (two, one) if is_day_first else (one, two)


def _clock(line: str) -> tuple[float, int] | None:
    """The time of day that begins a line, in seconds, and where the rest begins."""
    match = _CLOCK.match(line)
    if match is not None:
        hour, minute, second = int(match[1]), int(match[2]), int(match[3])
        half = (match[4] or "").lower()
        end = match.end()
    else:
        words = _CLOCK_IN_WORDS.match(line)
        if words is None:
            return None
        hour, minute, second = int(words[3]), int(words[4]), int(words[5])
        half = "a" if words[1] else "p" if words[2] else ""
        end = words.end()
    hour = hour % 12 + (12 if half == "p" else 0) if half else hour
    return (hour * 3600.0 + minute * 60 + second, end) if hour < 24 and minute < 60 and second < 61 else None
