"""The report for people at a terminal. The first three lines are enough; the rest is the proof."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from kvmedic.model.finding import Because, Refuted
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.report import Report, ReportedDomain, ReportedFinding
from kvmedic.render import words
from kvmedic.render.amounts import domain_facts
from kvmedic.render.options import RenderOptions
from kvmedic.render.page import Page
from kvmedic.render.sanitise import shortened
from kvmedic.render.source_names import source_words
from kvmedic.render.why_text import write_next, write_story

VERDICT_STYLES = {
    "healthy": "bold green",
    "at-risk": "bold yellow",
    "failing": "bold red",
    "undetermined": "bold magenta",
}
SEVERITY_STYLES = {"info": "cyan", "warning": "yellow", "critical": "bold red"}
FEW = 3
SHOWN_PROOFS = 6
MOST_NAMES = 12
LONGEST_PROOF = 400
"""Characters of one line of proof that are shown unless verbose; some log lines never end."""
_NUMBER = re.compile(r"\d+")


def render_report(report: Report, options: RenderOptions) -> str:
    """The report as a page for a terminal or a pipe. Expects a cleaned report."""
    page = Page(width=options.width, colour=options.colour, encoding=options.encoding)
    verbose = options.verbose
    if report.blame is not None:
        write_story(page, report, verbose=verbose)
    else:
        _write_head(page, report)
        _write_findings(page, report.findings, verbose=verbose)
    page.blank()
    write_cleared(page, report.refuted, verbose=verbose)
    _write_open(page, report, verbose=verbose)
    write_unseen(page, report, verbose=verbose)
    if verbose:
        _write_domains(page, report.domains or ())
    return page.text()


def _write_head(page: Page, report: Report) -> None:
    verdict = (words.VERDICT_WORDS[report.verdict], VERDICT_STYLES[report.verdict])
    left = (report.host.name, "bold"), " · ", verdict
    page.sides(left, ((" · ".join(words.host_words(report)), "dim"),))
    page.paragraph(words.headline(report), indent=2)
    write_next(page, report)


def _write_findings(page: Page, findings: Sequence[ReportedFinding], *, verbose: bool) -> None:
    """Each finding; of one cause that many domains share the first few in full, the rest by name."""
    alike: dict[tuple[str, str], list[ReportedFinding]] = {}
    for finding in findings:
        alike.setdefault((finding.severity, finding.cause), []).append(finding)
    for group in alike.values():
        full = group if verbose or len(group) <= FEW + 1 else group[:FEW]
        for finding in full:
            is_told = finding is findings[0] and finding.severity != "info"
            _write_finding(page, finding, verbose=verbose, is_told=is_told)
        _write_alike(page, group[len(full) :])


def _write_alike(page: Page, findings: Sequence[ReportedFinding]) -> None:
    if not findings:
        return
    page.blank()
    first = findings[0]
    names = [finding.subject.name for finding in findings]
    shown = ", ".join(names[:MOST_NAMES] + _rest(len(names) - MOST_NAMES))
    style = SEVERITY_STYLES[first.severity]
    title = f"{first.cause} · {len(names)} more of them"
    page.entry((first.severity.upper(), style), (title, "bold"), label_width=9, hang=2)
    page.paragraph(f"{shown} (in full with --verbose)", indent=2)


def _write_finding(page: Page, finding: ReportedFinding, *, verbose: bool, is_told: bool) -> None:
    page.blank()
    facts = [finding.cause, words.subject_words(finding.subject), words.confidence_word(finding.confidence)]
    style = SEVERITY_STYLES[finding.severity]
    page.entry((finding.severity.upper(), style), (" · ".join(facts), "bold"), label_width=9, hang=2)
    if not is_told:
        page.paragraph(words.finding_sentence(finding), indent=2)
    write_proof(page, finding.because, verbose=verbose)
    if finding.remedies:
        page.entry("what helps", " · ".join(finding.remedies), indent=4, label_width=14)


def write_proof(page: Page, proof: Sequence[Because], *, verbose: bool) -> None:
    """The lines of proof, aligned by their source; all of them, with full sources, where verbose."""
    shown = proof if verbose else proof[:SHOWN_PROOFS]
    label = words.full_source if verbose else _short
    rows = [(label(line), line.text if verbose else shortened(line.text, LONGEST_PROOF)) for line in shown]
    page.rows(rows, indent=4, longest=44 if verbose else 22, style="dim")
    if len(shown) < len(proof):
        page.paragraph(f"{words.plural(len(proof) - len(shown), 'more line')} with --verbose", indent=4)


def _short(because: Because) -> str:
    return words.short_source(because.source, because.line)


def write_cleared(page: Page, refuted: Sequence[Refuted], *, verbose: bool) -> None:
    """The suspects that are not to blame; why, for the first of them or for all."""
    if not refuted:
        return
    if not verbose:
        page.entry("Cleared:", _cleared(refuted), label_width=9)
        return
    page.paragraph(("Cleared", "bold"))
    for suspect in refuted:
        page.paragraph(suspect.cause, indent=2)
        page.rows(
            [(words.full_source(line), line.text) for line in suspect.because],
            indent=4,
            longest=44,
            style="dim",
        )


def _cleared(refuted: Sequence[Refuted]) -> str:
    first = refuted[0]
    names = [f"{first.cause} ({words.reason_of(first)})", *(suspect.cause for suspect in refuted[1:FEW])]
    return " · ".join(names + _rest(len(refuted) - FEW))


def _rest(count: int) -> list[str]:
    return [f"{count} more"] if count > 0 else []


def _write_open(page: Page, report: Report, *, verbose: bool) -> None:
    """Causes that could not be judged: a number, or each with what was lacking."""
    if not verbose or not report.undetermined:
        return
    page.paragraph(("Not judged", "bold"))
    rows = [(item.cause, "; ".join(_phrases(item.lacking))) for item in report.undetermined]
    page.rows(rows, indent=2, longest=30)


def _phrases(lacking: Sequence[str]) -> list[str]:
    """What was lacking; phrases that differ only in a number (one for each process) are told once."""
    alike: dict[str, list[str]] = {}
    for phrase in lacking:
        alike.setdefault(_NUMBER.sub("N", phrase), []).append(phrase)
    return [
        group[0] + (f" ({len(group) - 1} more alike)" if len(group) > 1 else "") for group in alike.values()
    ]


def write_unseen(page: Page, report: Report, *, verbose: bool) -> None:
    """What was not seen, and how many causes that left open."""
    judged = words.plural(len(report.undetermined), "cause")
    tail = f" → {judged} could not be judged" if report.undetermined else ""
    if verbose and report.gaps:
        page.paragraph(("Not seen", "bold"))
        page.rows(
            [(gap.source, f"{words.gap_words(gap)} ({gap.reason.value})") for gap in report.gaps],
            indent=2,
            longest=44,
        )
    elif report.gaps or tail:
        page.entry("Not seen:", _unseen(report) + tail, label_width=10)


def _unseen(report: Report) -> str:
    """The gaps that matter by name, those in the way of a cause first; many harmless ones as a number."""
    telling, quiet = words.gaps_by_weight(report)
    are_few = len(_grouped(quiet)) < FEW
    groups = _grouped(telling + (quiet if are_few else []))
    shown = [_group_words(gaps) for gaps in groups[: FEW + 1]]
    shown += _rest(len(groups) - len(shown))
    shown += [] if are_few else [f"{len(quiet)} things not on this host or not asked for"]
    return " · ".join(shown) or "everything was seen"


def _grouped(gaps: Iterable[Missing]) -> list[list[Missing]]:
    """Gaps that differ only in a number (one for each process) together, those of one directory that have one
    reason, and all that one silence left.
    """
    groups: dict[tuple[str, Reason], list[Missing]] = {}
    for gap in gaps:
        directory = gap.source.rpartition("/")[0]
        same = f"{directory}: {gap.detail}" if directory and gap.detail else gap.source
        same = gap.detail if gap.reason is Reason.TIMED_OUT and gap.detail else same
        groups.setdefault((_NUMBER.sub("N", same), gap.reason), []).append(gap)
    return list(groups.values())


def _group_words(gaps: list[Missing]) -> str:
    first = gaps[0]
    alike = f", {len(gaps) - 1} more alike" if len(gaps) > 1 else ""
    return f"{source_words(first.source, 32)} ({words.gap_words(first)}{alike})"


def _write_domains(page: Page, domains: Sequence[ReportedDomain]) -> None:
    if not domains:
        return
    page.paragraph(("Domains", "bold"))
    page.rows([(domain.name, domain_facts(domain)) for domain in domains], indent=2, longest=32)
