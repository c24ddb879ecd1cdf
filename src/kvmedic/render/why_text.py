"""The report after a failure: who was it, what proves it, what happened before, and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import structs

from kvmedic.model.finding import Because
from kvmedic.model.report import Report, ReportedFinding, TimelineEntry
from kvmedic.render import words
from kvmedic.render.page import Page
from kvmedic.render.sanitise import shortened
from kvmedic.units import human_seconds

SHOWN_LINES = 8
LONGEST_LINE = 400
"""Characters of a log line that are shown unless verbose."""
SHOWN_MOMENTS = 12
CLOCK_WIDTH = len("03:00:12")


def write_story(page: Page, report: Report, *, verbose: bool) -> None:
    """The answer first, then each cause with its lines, the timeline, the advice."""
    page.paragraph((words.headline(report), "bold"))
    write_next(page, report)
    for finding in report.findings:
        _write_cause(page, report, finding, verbose=verbose)
    _write_timeline(page, report, verbose=verbose)
    _write_list(page, "What to do", report.advice[1:])
    _write_list(page, "To know more, collect", report.collect)


def write_next(page: Page, report: Report) -> None:
    """What to do next; a command stays in one piece, so that it can be copied."""
    step = words.next_step(report)
    write = page.unbroken if words.is_command(step) else page.paragraph
    write(("Next: ", "bold"), step, indent=2)


def _write_cause(page: Page, report: Report, finding: ReportedFinding, *, verbose: bool) -> None:
    page.blank()
    facts = f"{finding.cause} · {words.subject_words(finding.subject)}"
    page.entry((words.confidence_word(finding.confidence), "bold"), (facts, "bold"), label_width=9, hang=2)
    if finding is not report.findings[0]:
        page.paragraph(words.finding_sentence(finding), indent=2)
    proof = _each_line_once(finding.because)
    shown = proof if verbose else proof[:SHOWN_LINES]
    _write_lines(page, report, shown, verbose=verbose)
    if len(shown) < len(proof):
        rest = words.plural(len(proof) - len(shown), "more line")
        page.paragraph(f"{rest} with --verbose", indent=2)
    if finding.remedies:
        page.entry("what helps", " · ".join(finding.remedies), indent=2, label_width=12)


def _each_line_once(proof: Sequence[Because]) -> list[Because]:
    """What one line of a log proves in several ways stands behind it once, each way named."""
    said: dict[object, list[Because]] = {}
    for because in proof:
        key = because if because.line is None else (because.source, because.line)
        said.setdefault(key, []).append(because)
    return [
        structs.replace(each[0], text=" · ".join(dict.fromkeys(because.text for because in each)))
        for each in said.values()
    ]


def _write_lines(page: Page, report: Report, proof: Sequence[Because], *, verbose: bool) -> None:
    """Each proof with its time and source; where there is a log line, it stands before its meaning."""
    times, raw = _times(report), _log_lines(report)
    labels = [
        words.full_source(line) if verbose else words.short_source(line.source, line.line) for line in proof
    ]
    width = _width(times.get((line.source, line.line), "") for line in proof)
    column = min(max((len(label) for label in labels), default=0), 44 if verbose else 22)
    for line, label in zip(proof, labels, strict=True):
        key = (line.source, line.line)
        said = raw.get(key)
        said = said if said is None or verbose else shortened(said, LONGEST_LINE)
        pieces = (line.text,) if said in (None, line.text) else (str(said), ("  ← " + line.text, "dim"))
        when = times.get(key, "")
        page.entry(
            (f"{when:{width}}  {label:{column}}", "dim"), *pieces, indent=2, label_width=column + width + 4
        )


def _times(report: Report) -> dict[tuple[str, int | None], str]:
    told = (entry for entry in report.timeline if entry.at or entry.since_boot_s is not None)
    return {(entry.source, entry.line): words.moment(entry) for entry in told}


def _width(times: Iterable[str]) -> int:
    """Room for the longest of the times; a time of day needs eight characters."""
    return max([CLOCK_WIDTH, *map(len, times)])


def _log_lines(report: Report) -> dict[tuple[str, int | None], str]:
    lines = (line for incident in report.incidents for line in incident.lines)
    return {(line.source, line.line): line.text for line in lines if line.line is not None}


def _write_timeline(page: Page, report: Report, *, verbose: bool) -> None:
    if not report.timeline:
        return
    shown = report.timeline if verbose else report.timeline[-SHOWN_MOMENTS:]
    page.blank()
    left_out = len(report.timeline) - len(shown)
    note = f"; {left_out} earlier with --verbose" if left_out else ""
    has_day = any(entry.at is not None for entry in shown)
    clock = f"UTC{_clock_doubt(shown)}" if has_day else "seconds after boot; these logs name no day"
    page.paragraph(("Timeline", "bold"), f" ({clock}{note})")
    last_day = "" if has_day else words.day(shown[0])
    width = _width(words.moment(entry) for entry in shown)
    for entry in shown:
        if words.day(entry) != last_day:
            last_day = words.day(entry)
            page.paragraph((last_day, "dim"), indent=2)
        _write_moment(page, entry, width)


def _write_moment(page: Page, entry: TimelineEntry, width: int) -> None:
    source = words.short_source(entry.source, entry.line)
    label = f"{words.moment(entry):{width}}  {source:22}"
    page.entry((label, "dim"), entry.text, indent=2, label_width=len(label) + 2)


def _clock_doubt(entries: Sequence[TimelineEntry]) -> str:
    doubt = max((entry.uncertainty_s for entry in entries if entry.uncertainty_s is not None), default=0.0)
    return f", clocks may be off by {human_seconds(doubt)}" if doubt >= 1 else ""


def _write_list(page: Page, title: str, items: Sequence[str]) -> None:
    if not items:
        return
    page.blank()
    page.paragraph((title, "bold"))
    for item in items:
        page.entry("–", words.sentence(item), indent=2, label_width=2)
