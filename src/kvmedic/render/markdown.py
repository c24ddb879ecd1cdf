"""The report as Markdown, for a wiki, an issue or a chat. What strangers wrote shows letter by letter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kvmedic.model.report import Report, ReportedDomain, ReportedFinding
from kvmedic.render import words
from kvmedic.render.amounts import amount
from kvmedic.render.options import RenderOptions
from kvmedic.render.sanitise import for_markdown as safe


def render_report(report: Report, options: RenderOptions) -> str:
    """The whole report: verdict, findings with their proof, domains, what was cleared, what was not seen."""
    parts = [
        _head(report),
        *(_finding(finding) for finding in report.findings),
        _timeline(report),
        _list("What to do", [words.sentence(item) for item in report.advice]),
        _list("To know more, collect", [words.sentence(item) for item in report.collect]),
        _domains(report.domains or ()),
        _cleared(report),
        _list("Not judged", [f"{item.cause}: {'; '.join(item.lacking)}" for item in report.undetermined]),
        _list("Not seen", [f"{gap.source}: {words.gap_words(gap)}" for gap in report.gaps]),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def code(text: str) -> str:
    """``text`` as a code span that it cannot leave."""
    run = max((len(ticks) for ticks in _backticks(text)), default=0)
    fence = "`" * (run + 1)
    pad = " " if run or not text.strip() else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def _backticks(text: str) -> Iterator[str]:
    run = ""
    for character in text + " ":
        if character == "`":
            run += character
        elif run:
            yield run
            run = ""


def _head(report: Report) -> str:
    taken = "at a time not known" if report.taken_at is None else f"at {report.taken_at}"
    facts = ", ".join(words.host_words(report))
    step = words.next_step(report)
    return (
        f"# {safe(report.host.name)}: {words.VERDICT_WORDS[report.verdict]}\n\n"
        f"**{safe(words.headline(report))}**\n\n"
        f"Next: {code(step) if words.is_command(step) else safe(step)}\n\n"
        f"{safe(facts)}; examined {taken}."
    )


def _finding(finding: ReportedFinding) -> str:
    title = f"## {finding.severity.upper()}: {safe(finding.cause)}"
    whom = safe(words.subject_words(finding.subject))
    sure = f"{words.confidence_word(finding.confidence)} ({finding.confidence:.2f})"
    proof = "\n".join(f"- {safe(line.text)} ({code(words.full_source(line))})" for line in finding.because)
    helps = ", ".join(code(remedy) for remedy in finding.remedies)
    paragraphs = [
        title,
        f"{whom}, {sure}. {safe(words.finding_sentence(finding))}",
        proof,
        f"What helps: {helps}" if helps else "",
    ]
    return "\n\n".join(part for part in paragraphs if part)


def _timeline(report: Report) -> str:
    if not report.timeline:
        return ""
    rows = [
        (entry.at or words.moment(entry), entry.text, words.short_source(entry.source, entry.line, 40))
        for entry in report.timeline
    ]
    return "## Timeline (UTC)\n\n" + _table(("time", "what", "source"), rows)


def _domains(domains: Sequence[ReportedDomain]) -> str:
    if not domains:
        return ""
    rows = [
        (
            domain.name,
            domain.state,
            domain.managed_by,
            amount(domain.memory_max_bytes),
            amount(domain.balloon_actual_bytes),
            amount(domain.rss_bytes),
            amount(domain.stranded_bytes),
        )
        for domain in domains
    ]
    head = ("domain", "state", "managed by", "maximum", "actual", "RSS", "stranded")
    return "## Domains\n\n" + _table(head, rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([safe(cell) for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cleared(report: Report) -> str:
    return _list(
        "Cleared",
        [f"{suspect.cause}: {words.reason_of(suspect)}" for suspect in report.refuted],
    )


def _list(title: str, items: Sequence[str]) -> str:
    return f"## {title}\n\n" + "\n".join(f"- {safe(item)}" for item in items) if items else ""
