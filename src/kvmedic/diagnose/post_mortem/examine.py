"""From a chronicle to judgements and a story: finds the incidents, explains each, chooses the one asked
about.
"""

from __future__ import annotations

from msgspec import structs

from kvmedic.diagnose.catalogue import CAUSES
from kvmedic.diagnose.post_mortem.catalogue import EXPLAINED
from kvmedic.diagnose.post_mortem.orders import with_reasons
from kvmedic.diagnose.post_mortem.scenes import (
    DAY_S,
    MOST_SCENES,
    STALL,
    case_of,
    choose,
    find_scenes,
    grave,
    gravity,
    in_window,
    is_covered,
)
from kvmedic.diagnose.post_mortem.story import Told, tell
from kvmedic.diagnose.post_mortem.unexplained import ID as UNEXPLAINED
from kvmedic.diagnose.post_mortem.unexplained import without_a_cause
from kvmedic.diagnose.report import iso_utc, rank
from kvmedic.model.case import Case, Chronicle, Happening, Window
from kvmedic.model.finding import Cause, Finding, Judgement, Severity
from kvmedic.model.gap import Missing
from kvmedic.model.report import Story
from kvmedic.model.snapshot import Snapshot

Judged = tuple[tuple[Cause, Judgement], ...]


ANSWERED = 0.6
"""From this confidence on the logs have answered; what the host shows today then stands behind it."""


PROVEN_ENOUGH = 0.9
ZONE_DOUBT_S = 60.0
ACUTE = frozenset(
    {
        *("swap-thrashing", "cgroup-memory-limit", "storage-stall", "hypervisor-daemon-hung", "guest-paused"),
        *("reclaim-stall", "thp-compaction-stall", "dirty-writeback-stall", "host-memory-exhausted"),
        *("balloon-over-inflated", "limit-exhausted"),
    }
)
"""States in which guests suffer now: they are the answer where the last failure of the logs is days old."""


def explain_failure(chronicle: Chronicle, snapshot: Snapshot, window: Window) -> tuple[Judged, Story]:
    """What each cause says of the incident asked about, and its story."""
    chronicle = structs.replace(chronicle, happenings=with_reasons(chronicle.happenings))
    scenes = find_scenes(in_window(chronicle.happenings, window))
    chosen_scene = choose(scenes)
    if not is_covered(chronicle.logs, window):
        chronicle = structs.replace(chronicle, logs=())
    chosen = case_of(chosen_scene, chronicle, snapshot, window)
    judged = with_today(dated(judge_case(chosen), chosen), snapshot, chosen)
    told = Told(chosen, rank(finding for _, judgement in judged for finding in judgement.findings))
    history = [
        told if scene is chosen_scene else _told(scene, chronicle, snapshot, window) for scene in scenes
    ]
    is_cut = chronicle.is_cut or len(scenes) >= MOST_SCENES
    return judged, tell(told, history, chronicle, is_cut=is_cut)


def judge_case(case: Case) -> Judged:
    """Every post-mortem rule on one case, in the order of the catalogue.

    After a failure only one question keeps a report from being called healthy: whether anything was read.
    """
    judged = tuple(
        (structs.replace(cause, is_essential=cause.id == UNEXPLAINED), explain(case))
        for cause, explain in EXPLAINED
    )
    if grave(case.scene) < STALL or any(judgement.findings for _, judgement in judged):
        return judged
    return (*judged[:-1], (judged[-1][0], without_a_cause(case)))


def dated(judged: Judged, case: Case) -> Judged:
    """The same judgements; the first finding's sentence begins with when it happened, where that is known."""
    first = next(iter(rank(f for _, judgement in judged for f in judgement.findings)), None)
    at = first_moment(case)
    if first is None or at is None:
        return judged
    said = structs.replace(first, summary=f"at {at} {first.summary}")
    return tuple(
        (cause, structs.replace(j, findings=tuple(said if f is first else f for f in j.findings)))
        for cause, j in judged
    )


def first_moment(case: Case) -> str | None:
    """When the gravest event of the scene was written; a clock without a zone is called so."""
    worst = max(case.scene, key=lambda happening: gravity(happening.event), default=None)
    if worst is None or worst.at_s is None:
        return None
    clock = iso_utc(worst.at_s)[:-1].replace("T", " ")
    is_utc = (worst.uncertainty_s or 0.0) <= ZONE_DOUBT_S
    return f"{clock} UTC" if is_utc else f"{clock} (by a clock that names no zone)"


def with_today(judged: Judged, snapshot: Snapshot, case: Case) -> Judged:
    """The judgements of the logs, and what the host shows today of causes that the logs say nothing for.

    A domain that was asked about leaves out findings of others. Where the logs have answered, today's
    findings are no more than warnings.
    """
    if isinstance(snapshot.memory.meminfo, Missing):
        return judged
    has_answer = any(f.confidence >= ANSWERED for _, judgement in judged for f in judgement.findings)
    acute = {cause.id for cause in CAUSES if _is_acute_today(cause, snapshot, case)}
    is_past = bool(acute) and is_history(case)
    if is_past:
        judged = tuple((cause, _as_history(judgement)) for cause, judgement in judged)
        has_answer = False
    logs = {cause.id: judgement for cause, judgement in judged}
    essential = {cause.id: cause for cause, _ in judged}
    merged: list[tuple[Cause, Judgement]] = []
    for cause in CAUSES:
        said = logs.get(cause.id)
        today = _softened(cause.examine(snapshot), case, has_answer=has_answer)
        if said is None and not today.findings:
            continue
        if said is None or (today.findings and not said.findings):
            said = today
        elif today.findings and is_past:
            said = structs.replace(said, findings=(*today.findings, *said.findings))
        merged.append((essential.get(cause.id, structs.replace(cause, is_essential=False)), said))
    return tuple(merged)


def is_history(case: Case) -> bool:
    """The incident of the logs lies more than a day before the host was looked at."""
    taken_at = case.snapshot.taken_at
    if not case.scene or isinstance(taken_at, Missing):
        return not case.scene
    return taken_at - case.scene[-1].tick_s > DAY_S


def _is_acute_today(cause: Cause, snapshot: Snapshot, case: Case) -> bool:
    if cause.id not in ACUTE:
        return False
    return any(
        finding.severity >= Severity.WARNING
        and finding.confidence >= ANSWERED
        and _is_worth_telling(finding, case)
        for finding in cause.examine(snapshot).findings
    )


def _as_history(judgement: Judgement) -> Judgement:
    """What happened days ago, behind what goes on now."""
    findings = (structs.replace(finding, severity=Severity.INFO) for finding in judgement.findings)
    return structs.replace(judgement, findings=tuple(findings))


def _softened(today: Judgement, case: Case, *, has_answer: bool) -> Judgement:
    findings = [
        structs.replace(finding, severity=min(finding.severity, Severity.WARNING)) if has_answer else finding
        for finding in today.findings
        if _is_worth_telling(finding, case)
    ]
    return Judgement(findings=tuple(findings))


def _is_worth_telling(finding: Finding, case: Case) -> bool:
    """A state of today that may be the answer: of the domain asked about, and a warning or proven."""
    is_other = finding.subject.kind == "domain" and case.domain not in (None, finding.subject.name)
    return not is_other and (finding.severity >= Severity.WARNING or finding.confidence >= PROVEN_ENOUGH)


def _told(scene: tuple[Happening, ...], chronicle: Chronicle, snapshot: Snapshot, window: Window) -> Told:
    case = case_of(scene, chronicle, snapshot, window)
    findings = (finding for _, judgement in judge_case(case) for finding in judgement.findings)
    return Told(case, rank(findings))
