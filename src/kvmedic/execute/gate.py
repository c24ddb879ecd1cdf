"""May this step be done now? Fails closed: every doubt is a reason, and no answer counts as no."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from kvmedic.model.gap import Missing
from kvmedic.model.plan import (
    MigrateDomain,
    Plan,
    PlannedDomain,
    PowerCycle,
    RaiseCgroupLimit,
    RebootHost,
    RedefineDomain,
    ShutDownDomain,
    Step,
    WriteTunable,
)
from kvmedic.model.policy import Policy, Window
from kvmedic.model.record import Record
from kvmedic.model.run import Run

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class DomainNow(Record, frozen=True, kw_only=True):
    """A domain of the plan as it is right before a step."""

    name: str
    uuid: str | None
    pid: int | None
    start_ticks: int | None
    managed_by: str
    definition_digest: str | None


class World(Record, frozen=True, kw_only=True):
    """What is true right before a step. A gap means it could not be learnt, and closes the gate."""

    now: datetime
    boot_id: str | Missing
    domains: tuple[DomainNow, ...] | Missing
    runs: tuple[Run, ...] | Missing
    policy: Policy
    strain: str | None
    """Why the host is too strained for more work now (PSI, watermarks), or None."""


def reasons_against(step: Step, plan: Plan, world: World) -> tuple[str, ...]:
    """Every reason why ``step`` must not be done now; empty means it may."""
    return (
        *_plan_reasons(plan, world),
        *_host_reasons(step, plan, world),
        *_domain_reasons(step, plan, world),
        *_policy_reasons(step, plan, world),
        *_strain_reasons(step, world),
    )


def _plan_reasons(plan: Plan, world: World) -> Iterable[str]:
    if world.now >= datetime.fromisoformat(plan.expires_at):
        yield f"the plan expired at {plan.expires_at}"


def _host_reasons(step: Step, plan: Plan, world: World) -> Iterable[str]:
    first = plan.hosts[0]
    if isinstance(world.boot_id, Missing):
        yield f"the boot id of {first.name} could not be read ({world.boot_id})"
    elif _is_rebooted_before(step, plan):
        if world.boot_id == first.boot_id:
            yield f"{first.name} is still in the boot that the plan's reboot was to end"
    elif world.boot_id != first.boot_id and not isinstance(step.action, RebootHost):
        yield f"{first.name} was booted since the plan was made (boot id now {world.boot_id})"


def _is_rebooted_before(step: Step, plan: Plan) -> bool:
    """Whether the plan itself has rebooted the host by then."""
    return any(isinstance(s.action, RebootHost) for s in plan.steps if s.number < step.number)


def _domain_reasons(step: Step, plan: Plan, world: World) -> Iterable[str]:
    if isinstance(world.domains, Missing):
        yield f"the domains could not be listed ({world.domains})"
        return
    for domain in plan.domains:
        now = next((d for d in world.domains if _is_same(domain, d)), None)
        if now is None and not _left_before(domain, step, plan):
            yield f"domain {domain.name} is gone"
        elif now is None:
            continue
        else:
            yield from _changes(_after_own_steps(domain, step, plan), now)


def _after_own_steps(domain: PlannedDomain, step: Step, plan: Plan) -> PlannedDomain:
    """What must still be true before ``step``: the plan's own earlier steps change a domain on purpose."""
    done = [
        earlier.action
        for earlier in plan.steps
        if earlier.number < step.number and getattr(earlier.action, "domain_name", None) == domain.name
    ]
    if any(isinstance(action, RedefineDomain | RaiseCgroupLimit) for action in done):
        domain = msgspec.structs.replace(domain, definition_digest=None)
    if any(isinstance(action, PowerCycle | MigrateDomain | ShutDownDomain) for action in done):
        domain = msgspec.structs.replace(domain, pid=None, start_ticks=None)
    return domain


def _left_before(domain: PlannedDomain, step: Step, plan: Plan) -> bool:
    """Whether an earlier step of this plan moved the domain away, so that it may be gone from here."""
    return any(
        isinstance(earlier.action, MigrateDomain) and earlier.action.domain_uuid == domain.uuid
        for earlier in plan.steps
        if earlier.number < step.number
    )


def _is_same(planned: PlannedDomain, now: DomainNow) -> bool:
    return planned.uuid == now.uuid if planned.uuid else planned.name == now.name


def _changes(planned: PlannedDomain, now: DomainNow) -> Iterable[str]:
    if planned.pid is not None and now.pid is None:
        yield f"domain {planned.name} does not run now"
    elif planned.pid is not None and (now.pid, now.start_ticks) != (planned.pid, planned.start_ticks):
        yield f"domain {planned.name} was started again since the plan was made (PID {now.pid})"
    if planned.managed_by != now.managed_by:
        yield f"domain {planned.name} is now managed by {now.managed_by}, not {planned.managed_by}"
    if planned.definition_digest is None:
        return
    if now.definition_digest is None:
        yield f"the definition of {planned.name} could not be read now"
    elif planned.definition_digest != now.definition_digest:
        yield f"the definition of {planned.name} was changed since the plan was made"


def _policy_reasons(step: Step, plan: Plan, world: World) -> Iterable[str]:
    if step.is_disruptive:
        protected = set(world.policy.protected_domains)
        for domain in plan.domains:
            if protected & {domain.name, domain.uuid}:
                yield f"domain {domain.name} is protected by the policy"
        if world.policy.windows and not any(_is_open(w, world.now) for w in world.policy.windows):
            yield "no window of the policy is open for disruptive steps"
    if step.number == plan.steps[0].number:
        yield from _cooldown_reasons(plan, world)


def _is_open(window: Window, now: datetime) -> bool:
    """A window that ends before it begins lasts over midnight, and belongs to the day on which it begins."""
    time, today, yesterday = now.strftime("%H:%M"), DAYS[now.weekday()], DAYS[now.weekday() - 1]
    if window.begins <= window.ends:
        return today in window.days and window.begins <= time < window.ends
    return (today in window.days and time >= window.begins) or (
        yesterday in window.days and time < window.ends
    )


def _cooldown_reasons(plan: Plan, world: World) -> Iterable[str]:
    if isinstance(world.runs, Missing):
        yield f"earlier runs could not be read ({world.runs})"
        return
    mine = {plan.option.subject.name, *(domain.name for domain in plan.domains)}
    for run in world.runs:
        again = sorted(mine & _subjects(run))
        if run.plan_id == plan.id or run.remedies != plan.remedies or not again:
            continue
        age_s = (world.now - datetime.fromisoformat(run.begun_at)).total_seconds()
        if run.state not in ("refused", "aborted", "undone") and age_s < world.policy.cooldown_s:
            minutes = f"{age_s / 60:.0f} min ago"
            yield f"the same remedy ran for {', '.join(again)} {minutes} (run {run.id}); the policy waits"


def _subjects(run: Run) -> set[str]:
    """Whom a run was about: its canary, and the domains that followed it."""
    named = (getattr(step.action, "domain_name", None) for step in run.steps)
    return {run.subject, *(name for name in named if name is not None)}


def _strain_reasons(step: Step, world: World) -> Iterable[str]:
    """Release helps a strained host and costs little; every other kind of work would add to the strain."""
    if world.strain is not None and not _is_gentle(step):
        yield f"the host is strained: {world.strain}"


def _is_gentle(step: Step) -> bool:
    """Reserves are not: raising one takes memory at once from a host that lacks it."""
    if isinstance(step.action, WriteTunable):
        return not step.action.path.startswith("proc/sys/vm/")
    return step.action.__struct_config__.tag in ("release-stranded", "mark-cordon", "persist-tunables")
