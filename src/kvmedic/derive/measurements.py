"""sysstat's samples on the clock of the other logs; those whose zone nothing tells are left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from kvmedic.derive.alignment import ZONE_DOUBT_S
from kvmedic.derive.clocks import Clock
from kvmedic.model.case import Happening, Measured
from kvmedic.model.log_event import LogReading

MOST_SAMPLES = 100_000


def measured_in_time(
    readings: Sequence[LogReading], clocks: Sequence[Clock], happenings: Sequence[Happening]
) -> tuple[Measured, ...]:
    """All samples in time order, each moment once. A report in local time without a zone is laid beside the
    logs in local time: a host has one zone.
    """
    clock_of = {reading.source: clock for reading, clock in zip(readings, clocks, strict=True)}
    shift_s = _shift_of_local_logs(happenings, clock_of)
    told: dict[float, Measured] = {}
    for reading, clock in zip(readings, clocks, strict=True):
        for measured in _of_reading(reading, clock, shift_s):
            told.setdefault(measured.at_s, measured)
    return tuple(sorted(told.values(), key=lambda measured: measured.at_s))[-MOST_SAMPLES:]


def _of_reading(reading: LogReading, clock: Clock, shift_s: float | None) -> Iterator[Measured]:
    for sample in reading.samples:
        at_s, uncertainty_s = clock.utc(sample.at)
        if at_s is None:
            continue
        if (uncertainty_s or 0.0) <= ZONE_DOUBT_S:
            yield Measured(at_s=at_s, sample=sample)
        elif shift_s is not None:
            yield Measured(at_s=at_s + shift_s, sample=sample)


def _shift_of_local_logs(happenings: Iterable[Happening], clock_of: Mapping[str, Clock]) -> float | None:
    """By how much events in local time were moved; None where no log is in local time."""
    shifts: Counter[float] = Counter()
    for happening in happenings:
        moment, clock = happening.event.at, clock_of.get(happening.event.lines[0].source)
        if moment.wall_s is None or moment.is_zone_known or happening.at_s is None or clock is None:
            continue
        raw, _ = clock.utc(moment)
        if raw is not None:
            shifts[round(happening.at_s - raw)] += 1
    return shifts.most_common(1)[0][0] if shifts else None
