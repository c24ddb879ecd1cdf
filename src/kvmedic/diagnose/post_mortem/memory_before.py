"""What sysstat measured before a failure: how available memory went, and how hard the host paged.

Levels are those of one moment, rates are means over an interval of usually ten minutes: what happened between
two samples is not known, and nothing more is said.
"""

from __future__ import annotations

from collections.abc import Iterator

from kvmedic.diagnose.verdicts import because
from kvmedic.model.case import Case, Measured
from kvmedic.model.finding import Because
from kvmedic.model.record import Record
from kvmedic.units import GIB, MIB, human_bytes, human_seconds

RECENT_S = 900.0
"""A sample that is older says little of the moment of a failure."""
FELL_TO = 0.5
SMALLEST_FALL_BYTES = 256 * MIB
NEAR_PEAK = 0.9
AMPLE_BYTES = GIB
BUSY_PAGES_PER_S = 100.0
THRASHING_PAGES_PER_S = 1000.0
"""4 MiB/s of pages that come back from swap, as a mean over the whole interval."""


class Told(Record, frozen=True, kw_only=True):
    """One thing that was measured: when, and the sentence with its source."""

    at_s: float
    line: Because


def measured_course(case: Case) -> list[Told]:
    """All that the samples before the scene tell, in time order."""
    return sorted((*_memory(case), *_paging(case)), key=lambda told: told.at_s)


def memory_lines(case: Case) -> tuple[Because, ...]:
    """How available memory went before the scene; nothing where it was not measured."""
    return tuple(told.line for told in _memory(case))


def paging_lines(case: Case) -> tuple[Because, ...]:
    """How hard the host reclaimed and swapped before the scene, where it did."""
    return tuple(told.line for told in _paging(case))


def ample_memory_line(case: Case) -> Because | None:
    """That much memory was available shortly before; None where it was not, or was not measured."""
    known = _available(case)
    begin_s = _begin_s(case)
    if not known or begin_s is None or begin_s - known[-1][0].at_s > RECENT_S:
        return None
    last, free_bytes = known[-1]
    peak = max(size for _, size in known)
    if free_bytes < AMPLE_BYTES or free_bytes < peak * FELL_TO:
        return None
    return _line(last, f"{human_bytes(free_bytes)} were available {_ago(begin_s, last)} before (sysstat)")


def swapped_in_peak(case: Case) -> tuple[Measured, float] | None:
    """The sample with the most pages per second that came back from swap; None where none was measured."""
    known = [(m, m.sample.swapped_in_per_s) for m in case.samples if m.sample.swapped_in_per_s is not None]
    return max(known, key=lambda pair: pair[1], default=None)


def _memory(case: Case) -> Iterator[Told]:
    known, begin_s = _available(case), _begin_s(case)
    if not known or begin_s is None:
        return
    (last, now), (_, peak) = known[-1], max(known, key=lambda pair: pair[1])
    age = _ago(begin_s, last)
    if now <= peak * FELL_TO and peak - now >= SMALLEST_FALL_BYTES:
        high = [(m, size) for m, size in known if size >= peak * NEAR_PEAK][-1]
        span = human_seconds(last.at_s - high[0].at_s)
        text = f"available memory fell from {human_bytes(high[1])} to {human_bytes(now)} in {span}"
        yield Told(at_s=last.at_s, line=_line(last, f"{text} (sysstat, {age} before it)"))
    elif len(known) >= 2 and now < AMPLE_BYTES:
        lowest, span = min(size for _, size in known), human_seconds(last.at_s - known[0][0].at_s)
        text = f"available memory lay between {human_bytes(lowest)} and {human_bytes(peak)} for {span}"
        yield Told(at_s=last.at_s, line=_line(last, f"{text} (sysstat)"))
    else:
        text = f"{human_bytes(now)} of memory were still available {age} before it (sysstat)"
        yield Told(at_s=last.at_s, line=_line(last, text))


def _paging(case: Case) -> Iterator[Told]:
    """The busiest sample of each kind, where it is worth a word."""
    texts = {
        "scanned_by_tasks_per_s": "pages/s scanned by tasks that wanted memory (direct reclaim",
        "major_faults_per_s": "major faults/s (",
        "swapped_in_per_s": "pages/s came back from swap (",
    }
    for field, words in texts.items():
        known = [(m, rate) for m in case.samples if (rate := getattr(m.sample, field)) is not None]
        worst = max(known, key=lambda pair: pair[1], default=None)
        if worst is None or worst[1] < BUSY_PAGES_PER_S:
            continue
        measured, rate = worst
        mean = _mean_words(measured)
        joint = "; " if "reclaim" in words else ""
        yield Told(at_s=measured.at_s, line=_line(measured, f"{rate:,.0f} {words}{joint}{mean})"))


def _mean_words(measured: Measured) -> str:
    interval_s = measured.sample.interval_s
    return "sysstat" if not interval_s else f"sysstat, mean of {human_seconds(interval_s)}"


def _available(case: Case) -> list[tuple[Measured, int]]:
    return [(m, m.sample.available_bytes) for m in case.samples if m.sample.available_bytes is not None]


def _begin_s(case: Case) -> float | None:
    return None if case.begin is None else case.begin.at_s


def _ago(begin_s: float, measured: Measured) -> str:
    return human_seconds(begin_s - measured.at_s)


def _line(measured: Measured, text: str) -> Because:
    line = measured.sample.line
    return because(text, line.source, line.line_number)
