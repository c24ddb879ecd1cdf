"""Calendar arithmetic for log prefixes, without the system's clock, zone or year."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
YEAR_WHEN_UNKNOWN: Final = 1972
"""A leap year, so that 29 February can be told; see ``model.log_line.Moment``."""
ZONE_UNCERTAINTY_S: Final = 14 * 3600.0


@lru_cache(maxsize=512)
def days_since_1970(year: int, month: int, day: int) -> int:
    """Days from 1970-01-01 to a date of the Gregorian calendar; tolerates days that do not exist."""
    shifted = year - (month <= 2)
    era = shifted // 400
    year_of_era = shifted - era * 400
    day_of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    day_of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
    return era * 146097 + day_of_era - 719468


def seconds_since_1970(year: int, month: int, day: int, *clock: int) -> int:
    """Seconds of a calendar time (``clock``: hour, minute, second) read as if it were UTC."""
    hour, minute, second = clock
    return days_since_1970(year, month, day) * 86400 + hour * 3600 + minute * 60 + second


def zone_offset_s(text: str) -> int:
    """``Z``, ``+01:00`` or ``+0100`` as seconds east of UTC."""
    if text in ("Z", "z"):
        return 0
    digits = text[1:].replace(":", "")
    size = int(digits[:2]) * 3600 + int(digits[2:4] or "0") * 60
    return -size if text[0] == "-" else size


class YearCount:
    """Counts year ends in a log whose prefixes carry no year: December followed by January."""

    def __init__(self) -> None:
        self._year = YEAR_WHEN_UNKNOWN
        self._month = 0

    def of(self, month: int) -> int:
        """The (unknown, but consistent) year of a line of this month."""
        if self._month - month > 6:
            self._year += 1
        elif month - self._month > 6 and self._month and self._year > YEAR_WHEN_UNKNOWN:
            return self._year - 1
        self._month = month
        return self._year
