"""The verb plan: examine, compare what could be done, and write one remedy down as a plan."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from kvmedic import __version__
from kvmedic.derive.snapshot import assemble_snapshot
from kvmedic.diagnose.judge import judge
from kvmedic.diagnose.report import rank
from kvmedic.model.finding import Finding
from kvmedic.model.plan import Option, Plan
from kvmedic.model.policy import Policy
from kvmedic.model.request import CollectRequest
from kvmedic.model.snapshot import Snapshot
from kvmedic.plan.planner import compare, make_plan
from kvmedic.plan.situation import HostView, Situation, Wishes
from kvmedic.ports import EvidenceSource, Progress


def examine(
    source: EvidenceSource, request: CollectRequest, progress: Progress
) -> tuple[Snapshot, tuple[Finding, ...]]:
    """The facts of a target and what was found, most pressing first."""
    snapshot = assemble_snapshot(source.collect(request, progress))
    return snapshot, tuple(rank(f for _, judgement in judge(snapshot) for f in judgement.findings))


def situation_of(
    source: EvidenceSource,
    request: CollectRequest,
    *,
    policy: Policy,
    wishes: Wishes,
    progress: Progress,
    others: tuple[HostView, ...] = (),
) -> Situation:
    """What the planner needs to know of this target now."""
    snapshot, findings = examine(source, request, progress)
    return Situation(
        snapshot=snapshot,
        findings=findings,
        policy=policy,
        wishes=wishes,
        others=others,
        is_local=source.target.kind == "host",
    )


def compare_remedies(situation: Situation) -> tuple[Option, ...]:
    """Every remedy that applies, gentlest and fitting first."""
    return compare(situation)


def write_plan(situation: Situation, remedy: str) -> Plan:
    """The plan of one remedy for this situation, with an id of its own."""
    return make_plan(
        situation, remedy, plan_id=uuid.uuid4().hex[:12], now=datetime.now(UTC), version=__version__
    )
