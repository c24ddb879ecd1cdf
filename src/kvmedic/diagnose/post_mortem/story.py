"""The story of a failure: who, what, in which order, how often, what to do now and what to collect."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec import structs

from kvmedic.diagnose.post_mortem.advice import advice_for
from kvmedic.diagnose.post_mortem.blame import blame_of
from kvmedic.diagnose.post_mortem.coincidence import coincidence_words, nearest_activities
from kvmedic.diagnose.post_mortem.collecting import things_to_collect
from kvmedic.diagnose.post_mortem.memory_before import measured_course
from kvmedic.diagnose.post_mortem.phrases import phrase_of
from kvmedic.diagnose.post_mortem.recurring import Occurrence, recurrence_of, restarts_before
from kvmedic.diagnose.post_mortem.scenes import LIFE, gravity
from kvmedic.diagnose.report import iso_utc
from kvmedic.diagnose.verdicts import because
from kvmedic.model.case import Case, Chronicle, Happening
from kvmedic.model.finding import Because, Finding
from kvmedic.model.log_event import Activity
from kvmedic.model.report import Incident, Recurrence, Story, TimelineEntry

BEFORE_S, AFTER_S = 7200.0, 900.0
"""The timeline shows what happened from two hours before the failure to a quarter of an hour after it."""
COINCIDENCE_S = 120.0
MOST_ACTIVITIES = 5
MOST_MOMENTS = 60
MOST_INCIDENTS = 50
MOST_LINES = 40


class Told:
    """One incident with what its rules found, the first finding first."""

    def __init__(self, case: Case, findings: Sequence[Finding]) -> None:
        self.case = case
        self.findings = list(findings)

    @property
    def occurrence(self) -> Occurrence | None:
        """The incident as one of a history; None where nothing was found."""
        if not self.findings or not self.case.scene:
            return None
        return Occurrence(at_s=self.case.scene[0].at_s, finding=self.findings[0])


def tell(chosen: Told, history: Sequence[Told], chronicle: Chronicle, *, is_cut: bool) -> Story:
    """The story of the chosen incident. ``history`` are all incidents, the chosen one among them.

    ``is_cut``: there were more than what is in it.
    """
    case, findings = chosen.case, chosen.findings
    named = next((f.subject.name for f in findings if f.subject.kind == "domain"), case.domain)
    occurrences = [told.occurrence for told in history if told.occurrence is not None]
    recurrence = None
    if findings and case.scene:
        restarts = restarts_before(named, case.scene[-1].tick_s, chronicle.happenings)
        recurrence = recurrence_of(findings[0], case.scene[0].at_s, occurrences, restarts, is_cut=is_cut)
        recurrence = _with_coincidence(recurrence, case.scene[0].at_s, chronicle)
    return Story(
        blame=blame_of(findings, is_guest_log=case.is_guest_log),
        incidents=tuple(_incidents(chosen, history)),
        timeline=tuple(_timeline(case, findings)),
        recurrence=recurrence,
        advice=advice_for(findings[0].cause, named) if findings else (),
        collect=things_to_collect(case, findings),
    )


def _with_coincidence(
    recurrence: Recurrence | None, at_s: float | None, chronicle: Chronicle
) -> Recurrence | None:
    """The recurrence, and what its moments have in common."""
    if recurrence is None or at_s is None:
        return recurrence
    times = [at_s - sum(recurrence.intervals_s[index:]) for index in range(len(recurrence.intervals_s) + 1)]
    words = coincidence_words(times, chronicle.happenings)
    if words is None:
        return recurrence
    return structs.replace(recurrence, sentence=f"{recurrence.sentence}; {words}")


def _incidents(chosen: Told, history: Sequence[Told]) -> Iterator[Incident]:
    """The incidents in time order; of a long history the latest, and always the chosen one."""
    for told in history[-MOST_INCIDENTS:]:
        if told.findings and told.case.scene and told.case.scene != chosen.case.scene:
            yield _incident(told, most_lines=6)
    if chosen.findings and chosen.case.scene:
        yield _incident(chosen, most_lines=MOST_LINES)


def _incident(told: Told, most_lines: int) -> Incident:
    first, at_s = told.findings[0], told.case.scene[0].at_s
    return Incident(
        at=None if at_s is None else iso_utc(at_s),
        cause=first.cause,
        victim=first.subject,
        lines=tuple(_raw_lines(told, most_lines)),
    )


def _raw_lines(told: Told, most: int) -> Iterator[Because]:
    """The log lines themselves: those that findings cite, then the first of each event."""
    cited = {(line.source, line.line) for finding in told.findings for line in finding.because}
    everything = (*told.case.before, *told.case.scene, *told.case.after)
    lines = [
        line
        for happening in everything
        for line in happening.event.lines
        if (line.source, line.line_number) in cited
    ]
    lines += [happening.event.lines[0] for happening in told.case.scene]
    unique = {(line.source, line.line_number): line for line in lines}
    for line in list(unique.values())[:most]:
        yield because(line.text, line.source, line.line_number)


def _timeline(case: Case, findings: Sequence[Finding]) -> Iterator[TimelineEntry]:
    """Cited lines by their meaning, other events by a phrase, in time order."""
    meanings = {
        (line.source, line.line): line.text for finding in reversed(findings) for line in finding.because
    }
    shown = sorted(_worth_showing(case, meanings), key=lambda happening: happening.tick_s)
    entries = [entry for happening in shown for entry in _entries(happening, meanings)]
    told = {(entry.source, entry.line): entry for entry in entries}
    yield from _with_measurements(case, list(told.values()))


def _with_measurements(case: Case, entries: list[TimelineEntry]) -> list[TimelineEntry]:
    """The entries, and what sysstat measured before them, in time order; those without a time stay last."""
    measured = [
        TimelineEntry(
            at=iso_utc(told.at_s),
            since_boot_s=None,
            text=told.line.text,
            source=told.line.source,
            line=told.line.line,
            uncertainty_s=None,
        )
        for told in measured_course(case)
    ]
    if not measured:
        return entries
    return sorted([*measured, *entries], key=lambda entry: entry.at or "~")


def _worth_showing(case: Case, meanings: dict[tuple[str, int | None], str]) -> Iterable[Happening]:
    begin = case.scene[0].tick_s if case.scene else float("inf")
    end = case.scene[-1].tick_s if case.scene else float("-inf")
    near = [h for h in case.before if h.tick_s >= begin - _reach(h, BEFORE_S)]
    near += [h for h in case.after if h.tick_s <= end + _reach(h, AFTER_S)]
    life = nearest_activities(near, begin, MOST_ACTIVITIES)
    near = [h for h in near if not isinstance(h.event, Activity) or h in life]
    cited = [h for h in (*case.before, *case.after) if h not in near and _is_cited(h, meanings)]
    rest = [*case.scene, *near]
    if len(rest) > MOST_MOMENTS:
        rest = [h for h in rest if _is_cited(h, meanings) or gravity(h.event) > LIFE][-MOST_MOMENTS:]
    return (*cited, *rest)


def _reach(happening: Happening, seconds: float) -> float:
    """Ordinary life beside a failure is told only where it is close to it; a manager's task may last."""
    is_brief = isinstance(happening.event, Activity) and happening.event.kind != "task"
    return min(seconds, COINCIDENCE_S) if is_brief else seconds


def _is_cited(happening: Happening, meanings: dict[tuple[str, int | None], str]) -> bool:
    return any((line.source, line.line_number) in meanings for line in happening.event.lines)


def _entries(happening: Happening, meanings: dict[tuple[str, int | None], str]) -> Iterator[TimelineEntry]:
    cited = [line for line in happening.event.lines if (line.source, line.line_number) in meanings]
    at = None if happening.at_s is None else iso_utc(happening.at_s)
    for line in cited or happening.event.lines[:1]:
        yield TimelineEntry(
            at=at,
            since_boot_s=happening.event.at.monotonic_s,
            text=meanings.get((line.source, line.line_number)) or phrase_of(happening),
            source=line.source,
            line=line.line_number,
            uncertainty_s=happening.uncertainty_s,
        )
