"""A block to paste into a ticket: at most 15 lines, with everything a colleague must know to look again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, tzinfo

from kvmedic.model.report import Report, ReportedFinding
from kvmedic.render import words
from kvmedic.render.options import RenderOptions
from kvmedic.render.sanitise import shortened

MOST_LINES = 15
LONGEST_LINE = 240
MOST_PROOFS = (2, 1)
"""Lines of proof of the first and of the second finding."""


def render_report(report: Report, options: RenderOptions) -> str:
    """The block, in plain text; times in UTC and, where the reader's zone is known, in local time."""
    lines = [*_who(report, options.local_zone), *_what(report), *_rest(report)]
    return "\n".join(shortened(line, LONGEST_LINE) for line in lines[:MOST_LINES]) + "\n"


def both_times(at: str | None, local_zone: tzinfo | None) -> str:
    """An ISO time in UTC and in ``local_zone``; a sentence where it is not known."""
    if at is None:
        return "time not known"
    moment = datetime.fromisoformat(at)
    utc = moment.strftime("%Y-%m-%d %H:%M:%S UTC")
    if local_zone is None:
        return utc
    local = moment.astimezone(local_zone)
    offset = local.strftime("%z")
    return f"{utc} = {local:%Y-%m-%d %H:%M:%S} local (UTC{offset[:3]}:{offset[3:]})"


def _who(report: Report, local_zone: tzinfo | None) -> Iterator[str]:
    host = report.host
    yield f"kvmedic: {host.name} is {words.VERDICT_WORDS[report.verdict]}"
    taken = both_times(report.taken_at, local_zone)
    yield f"taken    {taken}, from {report.target.kind} {report.target.name}"
    boot = f", boot {host.boot_id}" if host.boot_id else ""
    yield f"host     {host.name}, {', '.join(words.host_words(report))}{boot}"
    yield f"summary  {words.headline(report)}"
    for incident in report.incidents[-1:]:
        victim = "" if incident.victim is None else f", {words.subject_words(incident.victim)}"
        yield f"failure  {both_times(incident.at, local_zone)}: {incident.cause}{victim}"


def _what(report: Report) -> Iterator[str]:
    """The first findings with their first proofs."""
    for finding, most in zip(report.findings, MOST_PROOFS, strict=False):
        yield f"{finding.severity:8} {finding.cause}, {_whom(report, finding)}, {_how_sure(finding)}"
        for line in finding.because[:most]:
            yield f"         {line.text} [{words.full_source(line)}]"
    if len(report.findings) > len(MOST_PROOFS):
        yield f"         and {words.plural(len(report.findings) - len(MOST_PROOFS), 'more finding')}"


def _how_sure(finding: ReportedFinding) -> str:
    return f"{words.confidence_word(finding.confidence)} ({finding.confidence:.2f})"


def _whom(report: Report, finding: ReportedFinding) -> str:
    """The subject with its UUID and its owner."""
    subject = finding.subject
    owner = next((domain.managed_by for domain in report.domains or () if domain.uuid == subject.id), None)
    parts = [words.subject_words(subject)]
    parts += [f"UUID {subject.id}"] if words.is_uuid(subject.id) else [subject.id] if subject.id else []
    parts += [f"managed by {owner}"] if owner and subject.kind == "domain" else []
    return ", ".join(parts)


def _rest(report: Report) -> Iterator[str]:
    yield f"next     {words.next_step(report)}"
    if report.refuted:
        yield f"cleared  {_some([suspect.cause for suspect in report.refuted])}"
    if report.undetermined:
        yield f"open     {_some([item.cause for item in report.undetermined])}"
    if report.gaps:
        telling, quiet = words.gaps_by_weight(report)
        seen = [f"{gap.source} ({words.gap_words(gap)})" for gap in (*telling, *quiet)]
        yield f"not seen {_some(seen, 3)}"


def _some(items: list[str], most: int = 5) -> str:
    return ", ".join(items[:most]) + (f" and {len(items) - most} more" if len(items) > most else "")
