"""Facts and judgements become the Report: verdict, order, every absence by name. Nothing is judged here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from kvmedic.diagnose.reported import domain_gaps, report_domain, report_host
from kvmedic.model.finding import Cause, Finding, Judgement, Refuted, Severity
from kvmedic.model.gap import Missing
from kvmedic.model.report import (
    SCHEMA,
    Report,
    ReportedFinding,
    ReportedUndetermined,
    Samples,
    Story,
    Verdict,
)
from kvmedic.model.snapshot import Snapshot

EXIT_CODES: dict[Verdict, int] = {"healthy": 0, "at-risk": 1, "failing": 1, "undetermined": 3}
"""Permanent. Errors have their own codes (errors.py)."""

NO_STORY = Story(blame="unknown", incidents=(), timeline=(), recurrence=None, advice=(), collect=())
NO_ANSWER = "nothing was found for it or against it"


def assemble_report(
    snapshot: Snapshot, judged: Sequence[tuple[Cause, Judgement]], story: Story | None = None
) -> Report:
    """The report of ``snapshot``. ``story`` is what ``why`` found; without it blame is null."""
    findings = rank(finding for _, judgement in judged for finding in judgement.findings)
    undetermined = tuple(_undetermined(judged))
    told = story or NO_STORY
    return Report(
        schema=SCHEMA,
        target=snapshot.target,
        taken_at=None if isinstance(snapshot.taken_at, Missing) else iso_utc(snapshot.taken_at),
        verdict=verdict_of(findings, undetermined),
        findings=tuple(_reported(finding) for finding in findings),
        refuted=tuple(_refuted(judged)),
        undetermined=undetermined,
        gaps=_gaps(snapshot),
        host=report_host(snapshot),
        samples=Samples(interval_s=None if isinstance(snapshot.interval_s, Missing) else snapshot.interval_s),
        domains=None
        if isinstance(snapshot.domains, Missing)
        else tuple(map(report_domain, snapshot.domains)),
        blame=None if story is None else told.blame,
        incidents=told.incidents,
        timeline=told.timeline,
        recurrence=told.recurrence,
        advice=told.advice,
        collect=told.collect,
    )


def exit_code(report: Report) -> int:
    """0 healthy, 1 at-risk or failing, 3 undetermined."""
    return EXIT_CODES[report.verdict]


def verdict_of(findings: Iterable[Finding], undetermined: Iterable[ReportedUndetermined]) -> Verdict:
    """failing > at-risk > undetermined > healthy; information alone leaves a host healthy."""
    worst = max((finding.severity for finding in findings), default=Severity.INFO)
    if worst >= Severity.CRITICAL:
        return "failing"
    if worst >= Severity.WARNING:
        return "at-risk"
    return "undetermined" if any(item.is_essential for item in undetermined) else "healthy"


def rank(findings: Iterable[Finding]) -> list[Finding]:
    """By severity, then confidence; equals stay in the catalogue's order: causes before effects."""
    return sorted(findings, key=lambda finding: (-finding.severity, -round(finding.confidence, 2)))


def iso_utc(seconds: float) -> str:
    """Seconds since the epoch as ISO 8601 in UTC, to the second ("2026-11-24T03:00:12Z")."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _reported(finding: Finding) -> ReportedFinding:
    return ReportedFinding(
        cause=finding.cause,
        subject=finding.subject,
        severity=finding.severity.word,
        confidence=finding.confidence,
        summary=finding.summary,
        because=finding.because,
        remedies=finding.remedies,
    )


def _refuted(judged: Iterable[tuple[Cause, Judgement]]) -> Iterator[Refuted]:
    for cause, judgement in judged:
        if judgement.refuted and not judgement.findings and not judgement.lacking:
            yield Refuted(cause=cause.id, because=judgement.refuted)


def _undetermined(judged: Iterable[tuple[Cause, Judgement]]) -> Iterator[ReportedUndetermined]:
    """Causes with a lack; also a rule that said nothing at all, since silence is never health."""
    for cause, judgement in judged:
        said_nothing = not (judgement.findings or judgement.refuted or judgement.lacking)
        lacking = (NO_ANSWER,) if said_nothing else judgement.lacking
        if lacking:
            yield ReportedUndetermined(cause=cause.id, is_essential=cause.is_essential, lacking=lacking)


def _gaps(snapshot: Snapshot) -> tuple[Missing, ...]:
    """Every gap once: the snapshot's list, then what stands in the place of facts."""
    return tuple(dict.fromkeys((*snapshot.gaps, *_fact_gaps(snapshot))))


def _fact_gaps(snapshot: Snapshot) -> Iterator[Missing]:
    """The gaps that stand in the place of facts, in the order of the report."""
    memory = snapshot.memory
    ledger = () if isinstance(memory.ledger, Missing) else (memory.ledger,)
    zones = () if isinstance(memory.zones, Missing) else memory.zones
    for record in (snapshot, snapshot.host, memory, *ledger, *zones):
        facts = (getattr(record, name) for name in record.__struct_fields__)
        yield from (fact for fact in facts if isinstance(fact, Missing))
    if not isinstance(snapshot.domains, Missing):
        for domain in snapshot.domains:
            yield from domain_gaps(domain).values()
