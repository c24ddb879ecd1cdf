"""Is this a plan that hangs together? A plan is a file, and anybody may have edited it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from kvmedic.model.plan import Plan, PlannedDomain, ReleaseStranded, Step


def faults_of(plan: Plan) -> tuple[str, ...]:
    """Why ``plan`` cannot be carried out as it is written; empty: it hangs together."""
    return tuple(_faults(plan))


def _faults(plan: Plan) -> Iterable[str]:
    if not plan.hosts:
        yield "it is bound to no host"
    if not plan.steps:
        yield "it has no steps"
    if [step.number for step in plan.steps] != list(range(1, len(plan.steps) + 1)):
        yield "its steps are not numbered 1, 2, 3 …"
    if not _is_time(plan.expires_at):
        yield f"it expires at {plan.expires_at!r}, which is no time with a zone"
    for step in plan.steps:
        yield from _of_step(step, plan)


def _of_step(step: Step, plan: Plan) -> Iterable[str]:
    """The gate looks at the domains that a plan is bound to, so that no step may be about another one."""
    name = getattr(step.action, "domain_name", None)
    if name is None:
        return
    bound = next((domain for domain in plan.domains if domain.name == name), None)
    if bound is None or bound.uuid != getattr(step.action, "domain_uuid", None):
        yield f"step {step.number} is about domain {name}, which the plan is not bound to"
    elif isinstance(step.action, ReleaseStranded) and not _is_its_process(step.action, bound):
        yield f"step {step.number} is about another process than that of {name}"


def _is_its_process(action: ReleaseStranded, bound: PlannedDomain) -> bool:
    return (action.pid, action.start_ticks) == (bound.pid, bound.start_ticks)


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
