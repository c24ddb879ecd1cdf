"""The words of a report: sentences that every format for people shares. They expect a cleaned report."""

from __future__ import annotations

import re

from kvmedic.model.finding import Because, Refuted, Subject
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.report import (
    Blame,
    Report,
    ReportedFinding,
    ReportedUndetermined,
    TimelineEntry,
    Verdict,
)
from kvmedic.render.source_names import HIDDEN_PROCESSES
from kvmedic.units import human_seconds

VERDICT_WORDS: dict[Verdict, str] = {
    "healthy": "HEALTHY",
    "at-risk": "AT RISK",
    "failing": "FAILING",
    "undetermined": "UNDETERMINED",
}
BLAME_WORDS: dict[Blame, str] = {
    "host": "It was the host.",
    "guest": "It was the guest, not the host.",
    "neither": "It was neither the host nor the guest.",
    "unknown": "Whether it was the host or the guest cannot be told yet.",
}
REASON_WORDS: dict[Reason, str] = {
    Reason.NOT_FOUND: "not on this host",
    Reason.DENIED: "permission denied",
    Reason.TIMED_OUT: "no answer in time",
    Reason.UNREACHABLE: "cannot be reached",
    Reason.NOT_UNDERSTOOD: "not understood",
    Reason.NOT_COLLECTED: "not collected",
    Reason.UNSUPPORTED: "not measured on such a kernel",
}
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_SHELL_SAFE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@:/+-]*")


def confidence_word(confidence: float) -> str:
    """proven from 0.9, likely from 0.6, else possible."""
    if confidence >= 0.9:
        return "proven"
    return "likely" if confidence >= 0.6 else "possible"


def plural(count: int, noun: str) -> str:
    """A number with its noun: "1 domain", "14 domains"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def subject_words(subject: Subject) -> str:
    """Whom it is about: "domain web-1", "node 0 zone Normal", "host"."""
    if subject.kind in subject.name.split() or (subject.kind == "host" and not subject.name):
        return subject.name or "host"
    return f"{subject.kind} {subject.name}"


def is_uuid(text: str | None) -> bool:
    """Whether ``text`` is a UUID."""
    return text is not None and _UUID.fullmatch(text) is not None


def host_words(report: Report) -> list[str]:
    """Kernel, uptime, number of domains, as far as they are known."""
    host = report.host
    words = [f"kernel {host.kernel_release}"] if host.kernel_release else []
    words += [f"up {human_seconds(host.uptime_s)}"] if host.uptime_s is not None else []
    return [*words, domains_words(report)]


def domains_words(report: Report) -> str:
    """How many domains there are, and how many run."""
    if report.domains is None:
        return "domains not known"
    running = sum(domain.is_running for domain in report.domains)
    stopped = len(report.domains) - running
    return plural(running, "domain") + (f" ({stopped} more not running)" if stopped else "")


def sentence(text: str, name: str = "") -> str:
    """``text`` with a capital and a full stop; a domain's name keeps its spelling."""
    text = text.strip()
    starts_with_name = bool(name) and text.startswith(name)
    head = text if starts_with_name else text[:1].upper() + text[1:]
    return head if head.endswith((".", "!", "?")) else f"{head}."


def headline(report: Report) -> str:
    """The one sentence a reader must take away."""
    if report.blame is not None:
        return _story_headline(report)
    serious = [finding for finding in report.findings if finding.severity != "info"]
    if serious:
        return finding_sentence(serious[0]) + _more(len(serious) - 1)
    if report.verdict == "undetermined":
        return f"Nothing wrong was found, but this could not be judged: {_names(essential(report))}."
    notes = f" {plural(len(report.findings), 'note')} below." if report.findings else ""
    still_open = f", {len(report.undetermined)} could not be judged" if report.undetermined else ""
    return f"Nothing wrong was found; {plural(len(report.refuted), 'suspect')} cleared{still_open}.{notes}"


def _story_headline(report: Report) -> str:
    if not report.findings:
        if report.verdict == "undetermined":
            reason = _why_open(report)
            return sentence(
                reason if reason.startswith("no failure") else f"no failure was found, but {reason}"
            )
        return "No failure was found in what was read."
    blame = BLAME_WORDS[report.blame or "unknown"]
    again = f" {sentence(report.recurrence.sentence)}" if report.recurrence is not None else ""
    return f"{blame} {finding_sentence(report.findings[0])}{again}"


def _why_open(report: Report) -> str:
    """What was in the way of an answer, in the words of the rule that lacked it."""
    reasons = dict.fromkeys(phrase.strip() for item in essential(report) for phrase in item.lacking)
    return "; ".join(reasons) or f"this could not be judged: {_names(essential(report))}"


def finding_sentence(finding: ReportedFinding) -> str:
    """The summary of a finding as a sentence."""
    return sentence(finding.summary, finding.subject.name)


def _more(count: int) -> str:
    return f" {plural(count, 'more finding')} below." if count else ""


def _names(items: list[ReportedUndetermined]) -> str:
    names = [item.cause for item in items]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def essential(report: Report) -> list[ReportedUndetermined]:
    """The open causes that keep a host from being called healthy."""
    return [item for item in report.undetermined if item.is_essential]


def next_step(report: Report) -> str:
    """What to do next: the safest useful act first."""
    serious = next((finding for finding in report.findings if finding.severity != "info"), None)
    if report.blame is not None and report.advice:
        return report.advice[0].strip()
    if serious is not None and serious.remedies:
        return remedy_command(report, serious, serious.remedies[0])
    if report.advice:
        return report.advice[0].strip()
    if serious is not None:
        return f"read docs/causes/{serious.cause}.md; there is no remedy to run for this cause"
    return _look_closer(report) if report.verdict == "undetermined" else "nothing to do now"


def remedy_command(report: Report, finding: ReportedFinding, remedy: str) -> str:
    """The command that plans one remedy. It changes nothing; names a shell could misread stay out."""
    words = ["kvmedic", "plan"]
    words += _ssh_target(report)
    words += ["--remedy", remedy] if _SHELL_SAFE.fullmatch(remedy) else []
    if finding.subject.kind == "domain":
        words += _domain_option(finding.subject)
    is_elsewhere = report.target.kind in ("bundle", "sosreport", "log")
    host = report.host.name if _SHELL_SAFE.fullmatch(report.host.name) else "that host"
    return (f"on {host}: " if is_elsewhere else "") + " ".join(words)


def _ssh_target(report: Report, *, user: str | None = None) -> list[str]:
    """The target to type where it is another host; ``user`` in the place of the one who was there."""
    name = report.target.name.removeprefix("ssh://")
    if report.target.kind != "ssh" or not _SHELL_SAFE.fullmatch(name):
        return []
    return [f"ssh://{name}" if user is None else f"ssh://{user}@{name.rpartition('@')[2]}"]


def is_command(step: str) -> bool:
    """Whether a next step is a command to copy, not prose."""
    return step.startswith("kvmedic ")


def _domain_option(subject: Subject) -> list[str]:
    if _SHELL_SAFE.fullmatch(subject.name):
        return ["--domain", subject.name]
    return ["--domain", subject.id] if subject.id is not None and is_uuid(subject.id) else []


def _look_closer(report: Report) -> str:
    """What would let the open causes be judged."""
    if report.collect:
        return f"collect {report.collect[0].strip()}"
    if report.target.kind == "log" and report.blame is not None:
        return "give the log of the host's kernel from that time: kern.log, messages, or journalctl -k"
    if report.target.kind == "log":
        name = report.target.name if _SHELL_SAFE.fullmatch(report.target.name) else "FILE"
        return f"a log tells of failures, not of now: kvmedic why {name}"
    gaps = blocking_gaps(report) or list(report.gaps)
    reasons = {gap.reason for gap in gaps}
    is_live = report.target.kind in ("host", "ssh")
    as_root = " ".join(["kvmedic check", *_ssh_target(report, user="root")])
    as_root = as_root if report.target.kind == "ssh" else f"sudo {as_root}"
    if any(gap.source == HIDDEN_PROCESSES for gap in gaps):
        where = "on the host itself, not in a container"
        return f"run it as root, {where}: {as_root}" if is_live else f"collect it again, {where}"
    if Reason.DENIED in reasons:
        return f"run it as root, if it was not: {as_root}" if is_live else "collect it again as root"
    if Reason.NOT_COLLECTED in reasons and is_live:
        return " ".join(["look closer: kvmedic check --deep", *_ssh_target(report)])
    silent = next((gap for gap in gaps if gap.reason in (Reason.TIMED_OUT, Reason.UNREACHABLE)), None)
    if silent is not None:
        return f"look first at {silent.source}: {gap_words(silent)}"
    return "see below what was not seen, and why"


def blocking_gaps(report: Report) -> list[Missing]:
    """The gaps that kept a cause from being judged."""
    lacking = {phrase for item in report.undetermined for phrase in item.lacking}
    return [gap for gap in report.gaps if str(gap) in lacking or gap.source in lacking]


def reason_of(suspect: Refuted) -> str:
    """The first reason why a suspect is cleared, and how many more there are."""
    if not suspect.because:
        return "no reason recorded"
    more = len(suspect.because) - 1
    return suspect.because[0].text + (f"; and {more} more" if more else "")


QUIET_REASONS = frozenset({Reason.NOT_COLLECTED, Reason.NOT_FOUND, Reason.UNSUPPORTED})
"""Reasons that are nobody's trouble here, unless a cause could not be judged for them."""


def gaps_by_weight(report: Report) -> tuple[list[Missing], list[Missing]]:
    """The gaps that matter, those in the way of an essential cause first; and the harmless ones.

    What this host simply does not have (no EDAC in a virtual machine) is harmless, unless it keeps an
    essential cause open.
    """
    needed = {phrase for item in essential(report) for phrase in item.lacking}
    essentials = [gap for gap in report.gaps if str(gap) in needed or gap.source in needed]
    found = [gap for gap in blocking_gaps(report) if gap.reason is not Reason.NOT_FOUND]
    blocking = dict.fromkeys([*essentials, *found])
    others = [gap for gap in report.gaps if gap not in blocking]
    telling = [gap for gap in others if gap.reason not in QUIET_REASONS]
    return [*blocking, *telling], [gap for gap in others if gap.reason in QUIET_REASONS]


def gap_words(gap: Missing) -> str:
    """Why something was not seen, short."""
    return gap.detail or REASON_WORDS[gap.reason]


def short_source(source: str, line: int | None, longest: int = 22) -> str:
    """A source as a label: the file's name where its path is long, with the line where there is one."""
    suffix = "" if line is None else f":{line}"
    if len(source) + len(suffix) <= longest and line is None:
        return source
    name = source.rstrip("/").rsplit("/", 1)[-1] or source
    room = longest - len(suffix)
    return (name if len(name) <= room else "…" + name[-max(room - 1, 1) :]) + suffix


def full_source(because: Because) -> str:
    """A source in full, with its line."""
    return because.source if because.line is None else f"{because.source}:{because.line}"


def clock(at: str | None) -> str:
    """The time of day of an ISO time: "03:00:12"; a dash where it is not known."""
    return at[11:19] if at is not None and len(at) >= 19 else "–"


def moment(entry: TimelineEntry) -> str:
    """When it was: the time of day, else "+1234.5 s" after boot, else a dash."""
    if entry.at is None and entry.since_boot_s is not None:
        return f"+{entry.since_boot_s:.1f} s"
    return clock(entry.at)


def day(entry: TimelineEntry) -> str:
    """The day of a moment: "2026-11-24"; "after boot" where only the kernel's clock is known."""
    if entry.at is not None:
        return entry.at[:10]
    return "day not known" if entry.since_boot_s is None else "after boot, day not known"
