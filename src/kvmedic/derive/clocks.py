"""One clock for all logs of a target: UTC where any source allows it, and how far it may be off.

Syslog names neither year nor zone, dmesg counts seconds since boot, exported journals are in UTC. A year is
the latest that does not lie in the future; a zone is the host's own where it is known, else it stays open.
"""

from __future__ import annotations

from datetime import UTC, datetime

from kvmedic.model.log_event import LogReading
from kvmedic.model.log_line import Moment
from kvmedic.model.record import Record

DAY_S = 86400.0
BOOT_TICKS_S = 1e9
"""Boots without a wall clock are laid this far apart, so that their order shows and none touches another."""
NEAR_S = 2.0


class ClockFacts(Record, frozen=True, kw_only=True):
    """What is known of the clocks from outside the logs.

    ``now_s``: when the logs were read. ``zone_offset_s``: the host's local time minus UTC, None if unknown.
    ``booted_at_s``: when the running boot began (UTC), for the ring buffer of a live host.
    """

    now_s: float
    zone_offset_s: float | None
    booted_at_s: float | None


class Clock:
    """Turns the moments of one reading into UTC."""

    def __init__(self, reading: LogReading, facts: ClockFacts) -> None:
        self._facts = facts
        self._years = _years_to_add(reading, facts.now_s)
        self._last_boot = reading.boots[-1].index if reading.boots else 0
        self._offsets = self._boot_offsets(reading)

    def utc(self, moment: Moment) -> tuple[float | None, float | None]:
        """Seconds since 1970 and their uncertainty; (None, None) where no wall clock is to be had."""
        if moment.wall_s is not None:
            wall = moment.wall_s if moment.is_year_known else _in_year(moment.wall_s, self._years)
            zone = self._facts.zone_offset_s
            if moment.is_zone_known or zone is None:
                return wall, moment.uncertainty_s
            return wall - zone, 1.0
        offset = self._offsets.get(moment.boot)
        if offset is None or moment.monotonic_s is None:
            return None, None
        return offset + moment.monotonic_s, NEAR_S

    def _boot_offsets(self, reading: LogReading) -> dict[int, float]:
        """Wall minus monotonic time of each boot, from any moment that has both."""
        offsets: dict[int, float] = {}
        if not is_of_dead_boot(reading) and self._facts.booted_at_s is not None:
            offsets[self._last_boot] = self._facts.booted_at_s
        for event in reading.events:
            if event.at.wall_s is not None and event.at.monotonic_s is not None:
                wall, _ = self.utc(event.at) if event.at.is_year_known else (None, None)
                if wall is not None:
                    offsets.setdefault(event.at.boot, wall - event.at.monotonic_s)
        return offsets


def is_of_dead_boot(reading: LogReading) -> bool:
    """Whether a log was left by a kernel that died: pstore, a crash dump. It is of the boot before."""
    return reading.kind == "pstore" or "var/crash/" in reading.source or "vmcore-dmesg" in reading.source


def tick_of(moment: Moment, at_s: float | None, previous: float) -> float:
    """A number by which events can be ordered and spaced, wall clock or not."""
    if at_s is not None:
        return at_s
    if moment.monotonic_s is not None:
        return moment.boot * BOOT_TICKS_S + moment.monotonic_s
    return previous


def _years_to_add(reading: LogReading, now_s: float) -> int:
    """How many years the first of 1972 must be moved so that the last moment lies just before now."""
    moments = [reading.last, reading.first, *(event.at for event in reading.events)]
    walls = [m.wall_s for m in moments if m is not None and m.wall_s is not None and not m.is_year_known]
    if not walls:
        return 0
    latest = max(walls)
    year = datetime.fromtimestamp(now_s, UTC).year
    while year > 1972 and _in_year(latest, year - _year(latest)) > now_s + DAY_S:
        year -= 1
    return year - _year(latest)


def _year(seconds: float) -> int:
    return datetime.fromtimestamp(seconds, UTC).year


def _in_year(seconds: float, years: int) -> float:
    """The same day and time, so many years later; 29 February becomes the 28th where there is none."""
    moment = datetime.fromtimestamp(seconds, UTC)
    try:
        return moment.replace(year=moment.year + years).timestamp()
    except ValueError:
        return moment.replace(year=moment.year + years, day=28).timestamp()
