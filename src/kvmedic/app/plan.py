"""The verb plan: examine, compare what could be done, and write one remedy down as a plan."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from kvmedic import __version__
from kvmedic.derive.snapshot import assemble_snapshot
from kvmedic.diagnose.judge import judge
from kvmedic.diagnose.report import rank
from kvmedic.model.evidence import Evidence
from kvmedic.model.finding import Finding
from kvmedic.model.gap import Missing
from kvmedic.model.marks import HostMarks
from kvmedic.model.plan import CompactNode, Option, Plan
from kvmedic.model.policy import Policy
from kvmedic.model.request import CollectRequest
from kvmedic.model.run import Done, Run
from kvmedic.model.snapshot import Snapshot
from kvmedic.plan.definition_digests import definition_digests
from kvmedic.plan.planner import compare, make_plan
from kvmedic.plan.situation import HostView, Situation, Wishes
from kvmedic.ports import EvidenceSource, Progress
from kvmedic.units import GIB


def examine(
    source: EvidenceSource, request: CollectRequest, progress: Progress
) -> tuple[Snapshot, tuple[Finding, ...]]:
    """The facts of a target and what was found, most pressing first."""
    return _examined(source.collect(request, progress))


def _examined(evidence: Evidence) -> tuple[Snapshot, tuple[Finding, ...]]:
    snapshot = assemble_snapshot(evidence)
    return snapshot, tuple(rank(f for _, judgement in judge(snapshot) for f in judgement.findings))


def situation_of(
    source: EvidenceSource,
    request: CollectRequest,
    *,
    policy: Policy,
    wishes: Wishes,
    progress: Progress,
    marks: HostMarks | Missing,
    runs: Sequence[Run] = (),
    others: tuple[HostView, ...] = (),
) -> Situation:
    """What the planner needs to know of this target now."""
    evidence = source.collect(request, progress)
    snapshot, findings = _examined(evidence)
    return Situation(
        snapshot=snapshot,
        findings=findings,
        policy=policy,
        wishes=wishes,
        others=others,
        is_local=source.target.kind == "host",
        marks=marks,
        definition_digests=definition_digests(evidence),
        compaction_s_per_gib=own_compaction_rate(runs, _managed_gib(snapshot)),
    )


def own_compaction_rate(runs: Sequence[Run], managed_gib: Mapping[int, float]) -> float | None:
    """Seconds for each GiB of a node that compactions took on this host before, the slowest of them."""
    rates = []
    for run in runs:
        nodes = {step.number: step.action.node for step in run.steps if isinstance(step.action, CompactNode)}
        for entry in run.entries:
            if isinstance(entry, Done) and entry.step in nodes and entry.outcome == "done":
                seconds, size = entry.after.get("seconds"), managed_gib.get(nodes[entry.step])
                if isinstance(seconds, float | int) and size:
                    rates.append(seconds / size)
    return max(rates, default=None)


def _managed_gib(snapshot: Snapshot) -> Mapping[int, float]:
    found: dict[int, float] = {}
    zones = snapshot.memory.zones
    for zone in () if isinstance(zones, Missing) else zones:
        if not isinstance(zone.zoneinfo, Missing):
            size = zone.zoneinfo.managed_pages * snapshot.memory.page_size_bytes / GIB
            found[zone.node] = found.get(zone.node, 0.0) + size
    return found


def compare_remedies(situation: Situation) -> tuple[Option, ...]:
    """Every remedy that applies, gentlest and fitting first."""
    return compare(situation)


def write_plan(situation: Situation, remedy: str) -> Plan:
    """The plan of one remedy for this situation, with an id of its own."""
    return make_plan(
        situation, remedy, plan_id=uuid.uuid4().hex[:12], now=datetime.now(UTC), version=__version__
    )
