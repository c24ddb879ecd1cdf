"""Runs texts through reading, chronicle and rules, as ``kvmedic why`` does, with no host behind them."""

from __future__ import annotations

from kvmedic.derive.chronicle import assemble_chronicle
from kvmedic.derive.clocks import ClockFacts
from kvmedic.derive.guest_logs import find_guest_logs
from kvmedic.derive.snapshot import assemble_snapshot
from kvmedic.diagnose.post_mortem.examine import Judged, explain_failure
from kvmedic.diagnose.report import assemble_report
from kvmedic.model.case import Window
from kvmedic.model.evidence import Evidence, Target
from kvmedic.model.finding import Judgement
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.report import Report, Story
from kvmedic.model.snapshot import Snapshot
from kvmedic.parse.host_marks import HostMarks
from kvmedic.parse.logs import read_events

NOW_S = 1795600000.0
"""25 November 2026, 18:26 UTC: after every moment in these texts."""
ALL = Window(domain=None, since_s=None, until_s=None, boot=None, zone_offset_s=0.0)


def why(logs: str | dict[str, str], window: Window = ALL) -> Report:
    """The report on one log, or several by name."""
    unknown = Missing(source="logs", reason=Reason.NOT_COLLECTED, detail="only logs")
    evidence = Evidence(
        target=Target(kind="log", name="kern.log"), taken_at=unknown, interval_s=unknown, files={}, again={}
    )
    texts = {"kern.log": logs} if isinstance(logs, str) else logs
    return report_of(texts, assemble_snapshot(evidence), window)


def report_of(texts: dict[str, str], snapshot: Snapshot, window: Window = ALL) -> Report:
    """The report on logs of a host of which more is known."""
    judged, story = _explained(texts, snapshot, window)
    return assemble_report(snapshot, judged, story)


def judged_of(text: str, snapshot: Snapshot) -> dict[str, Judgement]:
    """What every cause says, by its id."""
    judged, _ = _explained({"var/log/syslog": text}, snapshot, ALL)
    return {cause.id: judgement for cause, judgement in judged}


def _explained(texts: dict[str, str], snapshot: Snapshot, window: Window) -> tuple[Judged, Story]:
    readings = [read_events(name, [text.encode()]) for name, text in texts.items()]
    marks = [_marks(text) for text in texts.values()]
    facts = ClockFacts(now_s=NOW_S, zone_offset_s=None, booted_at_s=None)
    guests = find_guest_logs(readings, marks, snapshot)
    chronicle = assemble_chronicle(readings, snapshot, facts, guest_logs=guests, names_by_id={})
    return explain_failure(chronicle, snapshot, window)


def _marks(text: str) -> HostMarks:
    marks = HostMarks()
    marks.watch(text.encode())
    return marks


def top(report: Report) -> str | None:
    """The first cause, None where nothing was found."""
    return report.findings[0].cause if report.findings else None


def refuted(report: Report) -> set[str]:
    """The suspects that are cleared."""
    return {suspect.cause for suspect in report.refuted}
