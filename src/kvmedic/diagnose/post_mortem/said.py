"""How a post-mortem rule speaks: a log line as proof, a suspect that the logs clear, or a log that lacks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from kvmedic.diagnose.verdicts import because, cleared, finding, lacking
from kvmedic.model.case import Case, Happening, LogNature, UnloggedEnd
from kvmedic.model.finding import Because, Finding, Judgement, Severity, Subject
from kvmedic.model.log_event import LogEvent
from kvmedic.model.log_line import LineRef

CERTAIN = 0.97
"""The report itself names the cause, and nothing else writes such words."""
SURE = 0.93
"""Two lines agree, or one that has no other known reading."""
LIKELY = 0.8
FAIR = 0.65
POSSIBLE = 0.45
WEAK = 0.3

E = TypeVar("E", bound=LogEvent | UnloggedEnd)
_WORDS: dict[LogNature, str] = {
    "kernel": "no kernel log was read",
    "qemu": "no log of QEMU was read",
    "daemons": "no log of libvirt or another daemon was read",
}


def of_kind(happenings: Iterable[Happening], kind: type[E]) -> Iterator[tuple[Happening, E]]:
    """The happenings of one kind of event, with the event by its type."""
    for happening in happenings:
        if isinstance(happening.event, kind):
            yield happening, happening.event


def line_of(happening: Happening, *marks: str) -> LineRef:
    """The kept line that holds the first of ``marks`` that any line holds; else the first line."""
    lines = happening.event.lines
    for mark in marks:
        for line in lines:
            if mark in line.text:
                return line
    return lines[0]


def proof(happening: Happening, meaning: str, *marks: str) -> Because:
    """What a line of this happening means, with where it stands."""
    line = line_of(happening, *marks)
    return because(meaning, line.source, line.line_number)


def absent(case: Case, text: str, nature: LogNature = "kernel") -> Judgement:
    """Nothing of the kind stands in the logs: clears where such a log was read, else it is a lack."""
    sources = [log.source for log in case.logs if nature in log.natures]
    return cleared(text, sources[0]) if sources else lacking(_WORDS[nature])


def explained(
    cause: str,
    subject: Subject,
    confidence: float,
    *,
    summary: str,
    lines: Iterable[Because],
    severity: Severity = Severity.CRITICAL,
    remedies: Iterable[str] = (),
) -> Finding:
    """A cause of a past failure; the same proof is not told twice."""
    return finding(
        cause,
        subject,
        severity,
        round(confidence, 2),
        summary=summary,
        proof=dict.fromkeys(lines),
        remedies=remedies,
    )


def recent(case: Case, seconds: float) -> list[Happening]:
    """What came before the incident, within ``seconds`` of its first event, or stands inside it."""
    begin = case.begin
    return [] if begin is None else [h for h in case.before if begin.tick_s - h.tick_s <= seconds]
