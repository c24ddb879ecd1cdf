"""Does it come back: the same cause for the same victim, at what intervals, and restarts in vain."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import mean, stdev

from kvmedic.model.case import Happening
from kvmedic.model.finding import Finding
from kvmedic.model.log_event import QemuEvent
from kvmedic.model.record import Record
from kvmedic.model.report import Recurrence
from kvmedic.units import human_seconds

ENOUGH_INTERVALS = 3
"""A mean with a spread is said from so many intervals on."""
RESTARTS_WORTH_A_WORD = 2
LOOK_BACK_S = 86400.0
SHORTAGE = frozenset(
    {
        *("host-memory-exhausted", "host-memory-overcommitted", "colocated-service-memory"),
        *("kernel-memory-growth", "qemu-memory-growth"),
    }
)
"""One failure, the host out of memory; which holder a report shows may differ from time to time."""


class Occurrence(Record, frozen=True, kw_only=True):
    """One incident of the history: when, and its first finding."""

    at_s: float | None
    finding: Finding


def recurrence_of(
    chosen: Finding, at_s: float | None, history: Sequence[Occurrence], restarts: int, *, is_cut: bool
) -> Recurrence | None:
    """The same failure at other times up to this one; None where it happened once and nobody restarted.

    ``is_cut``: the history is longer than what was kept of it, so the count is a lower bound.
    """
    times = sorted(
        occurrence.at_s
        for occurrence in history
        if occurrence.at_s is not None and _is_same(chosen, occurrence.finding)
    )
    times = [time for time in times if at_s is None or time <= at_s]
    untimed = sum(
        1 for occurrence in history if occurrence.at_s is None and _is_same(chosen, occurrence.finding)
    )
    count = len(times) + untimed
    if count < 2 and restarts < RESTARTS_WORTH_A_WORD:
        return None
    intervals = tuple(later - earlier for earlier, later in pairwise(times))
    has_mean = len(intervals) >= ENOUGH_INTERVALS
    return Recurrence(
        count=max(count, 1),
        intervals_s=intervals,
        mean_s=mean(intervals) if has_mean else None,
        sd_s=stdev(intervals) if has_mean else None,
        sentence=_sentence(count, intervals, restarts, is_cut=is_cut),
    )


def restarts_before(domain: str | None, at_s: float, happenings: Sequence[Happening]) -> int:
    """How often the guest was started again in the day before."""
    if domain is None:
        return 0
    return sum(
        isinstance(happening.event, QemuEvent)
        and happening.event.kind == "started"
        and happening.domain == domain
        and 0 <= at_s - happening.tick_s <= LOOK_BACK_S
        for happening in happenings
    )


def _is_same(chosen: Finding, other: Finding) -> bool:
    is_family = chosen.cause in SHORTAGE and other.cause in SHORTAGE
    if chosen.cause != other.cause and not is_family:
        return False
    named = chosen.subject.kind == "domain" and other.subject.kind == "domain"
    return not named or chosen.subject.name == other.subject.name


def _sentence(count: int, intervals: tuple[float, ...], restarts: int, *, is_cut: bool) -> str:
    parts: list[str] = []
    if count >= 2:
        span = f" in {human_seconds(sum(intervals))}" if intervals else ""
        bound = "at least " if is_cut else ""
        parts.append(f"this is {bound}the {_ordinal(count)} time{span}{_regularity(intervals)}")
    if restarts >= RESTARTS_WORTH_A_WORD:
        parts.append(f"the guest was started {restarts} times in the day before, without effect")
    elif count >= 2:
        parts.append("starting the guest again does not end it")
    return "; ".join(parts)


def _regularity(intervals: tuple[float, ...]) -> str:
    if not intervals:
        return ""
    if len(intervals) == 1:
        return ""
    shortest, longest = human_seconds(min(intervals)), human_seconds(max(intervals))
    told = f"intervals {_days(min(intervals))} to {_days(max(intervals))}"
    if len(intervals) >= ENOUGH_INTERVALS:
        told += f", {_days(mean(intervals))} ± {_days(stdev(intervals))}, n = {len(intervals)}"
    return f" ({told})" if shortest != longest else f" (every {_days(mean(intervals))})"


def _days(seconds: float) -> str:
    return f"{seconds / 86400:.1f} days" if seconds >= 86400 else human_seconds(seconds)


def _ordinal(number: int) -> str:
    suffix = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"
