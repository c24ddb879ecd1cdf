"""The verb apply: carry a plan out step by step, durably, between two measurements."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from kvmedic.app.performing import Approve, Performer, Survey
from kvmedic.errors import PreconditionFailedError, UsageError
from kvmedic.execute.gate import reasons_against
from kvmedic.model.plan import Plan
from kvmedic.model.record import Record
from kvmedic.model.run import (
    Done,
    Measure,
    Refusal,
    Reopened,
    Run,
    RunBegun,
    RunEnded,
    RunMeasured,
    RunResumed,
    RunState,
    Undone,
    Verification,
    Verified,
)
from kvmedic.ports import Actor, Progress, RunJournal, Workflows
from kvmedic.verify.verdict import verify

MeasureNow = Callable[[Plan], Measure]
SETTLE_S = 2.0
"""QEMU tells of its balloon once a second, and CPUs keep statistics to themselves for a second or two."""


class Hands(Record, frozen=True, kw_only=True):
    """Everything a run needs of the world; wiring fills it in."""

    journal: RunJournal
    workflows: Workflows
    actors: Mapping[str, Actor]
    survey: Survey
    measure: MeasureNow
    glance: MeasureNow
    """A cheaper measure, for watching."""
    approve: Approve
    by: str
    now: Callable[[], datetime]
    wait: Callable[[float], None]
    is_stopped: Callable[[], bool]
    """Whether the operator wants the run to stop where that does no harm."""


def apply_plan(plan: Plan, run: str, hands: Hands, progress: Progress) -> Run:
    """Begins the run, or goes on with it, and returns it with its verdict.

    WaitingError where a disruptive step needs an answer that nobody can give; the run stays resumable.
    """
    if hands.journal.exists(run):
        _go_on(run, hands)
    else:
        _begin(plan, run, hands)
        if _is_refused_at_once(plan, run, hands):
            return hands.journal.load(run)
    progress("measuring before", None)
    before = _measured_before(run, hands)
    performer = Performer(
        plan,
        run,
        hands.journal,
        actors=hands.actors,
        survey=hands.survey,
        approve=hands.approve,
        by=hands.by,
        now=hands.now,
        progress=progress,
        is_stopped=hands.is_stopped,
    )
    state = hands.workflows.carry_out(run, plan, hands.journal.entries(run), performer)
    if _ended_as(run, hands) == state and _is_verified(run, hands, state):
        return hands.journal.load(run)
    hands.journal.append(run, RunEnded(at=_iso(hands), state=state))
    if state == "finished":
        progress("measuring what it did", None)
        hands.wait(SETTLE_S)
        hands.journal.append(run, Verified(at=_iso(hands), verification=_verify(plan, before, hands)))
    return hands.journal.load(run)


def _go_on(run: str, hands: Hands) -> None:
    """Notes who goes on with a run. A step whose end was unknown is looked at once more."""
    state = _ended_as(run, hands)
    if state == "undone":
        raise PreconditionFailedError(
            f"run {run} was undone; nothing was touched", hint="Make a new plan to do it again."
        )
    if any(isinstance(line, Undone) and line.outcome == "done" for line in hands.journal.lines(run)):
        raise PreconditionFailedError(
            f"run {run} was partly undone; nothing was touched", hint=f"kvmedic undo {run} goes on with that."
        )
    if state is None:
        hands.journal.append(run, RunResumed(at=_iso(hands), by=hands.by))
    last = next(reversed(hands.journal.entries(run)), None)
    if isinstance(last, Done) and last.outcome == "unknown":
        hands.journal.append(run, Reopened(step=last.step, at=_iso(hands), by=hands.by))


def _is_refused_at_once(plan: Plan, run: str, hands: Hands) -> bool:
    """Whether the gate is closed already: then the host is spared the measuring, and nobody is asked."""
    first = next(iter(plan.steps), None)
    reasons = () if first is None else reasons_against(first, plan, hands.survey())
    if first is None or not reasons:
        return False
    hands.journal.append(run, Refusal(step=first.number, at=_iso(hands), reasons=reasons))
    hands.journal.append(run, RunEnded(at=_iso(hands), state="refused"))
    return True


def _ended_as(run: str, hands: Hands) -> RunState | None:
    ends = [line.state for line in hands.journal.lines(run) if isinstance(line, RunEnded)]
    return ends[-1] if ends else None


def _is_verified(run: str, hands: Hands, state: RunState) -> bool:
    """Whether the verdict of a finished run was written too: it may have been killed before."""
    return state != "finished" or any(isinstance(line, Verified) for line in hands.journal.lines(run))


def _begin(plan: Plan, run: str, hands: Hands) -> None:
    """The plan is kept with the run, so that a resumed run needs nothing else."""
    begun = RunBegun(
        run=run,
        plan_id=plan.id,
        by=hands.by,
        at=_iso(hands),
        remedies=plan.remedies,
        subject=plan.option.subject.name,
        plan=plan,
    )
    hands.journal.append(run, begun)


def _measured_before(run: str, hands: Hands) -> Measure:
    """What was there before the first step; where that is not written yet, no step can have acted."""
    for line in hands.journal.lines(run):
        if isinstance(line, RunMeasured):
            return line.measure
    measure = hands.measure(plan_of(run, hands.journal))
    hands.journal.append(run, RunMeasured(at=_iso(hands), measure=measure))
    return measure


def plan_of(run: str, journal: RunJournal) -> Plan:
    """The plan that a run carries out. UsageError where there is no such run."""
    for line in journal.lines(run):
        if isinstance(line, RunBegun):
            return line.plan
    raise UsageError(f"no run {run!r}", hint="See kvmedic runs for their names.")


def _verify(plan: Plan, before: Measure, hands: Hands) -> Verification:
    return verify(plan.option, before, hands.measure(plan))


def _iso(hands: Hands) -> str:
    return hands.now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
