"""The verb check: evidence, facts, judgements, report; each stage by its own room."""

from __future__ import annotations

from kvmedic.derive.snapshot import assemble_snapshot
from kvmedic.diagnose.judge import judge
from kvmedic.diagnose.report import assemble_report
from kvmedic.model.report import Report
from kvmedic.model.request import CollectRequest
from kvmedic.ports import EvidenceSource, Progress


def check_target(source: EvidenceSource, request: CollectRequest, progress: Progress) -> Report:
    """Examines one target and reports. An EvidenceError when the target as a whole cannot be read."""
    snapshot = assemble_snapshot(source.collect(request, progress))
    return assemble_report(snapshot, judge(snapshot))
