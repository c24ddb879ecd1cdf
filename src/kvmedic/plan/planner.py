"""From a situation to a comparison of remedies, and from one option to a plan."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from kvmedic.errors import PreconditionFailedError, UsageError
from kvmedic.model.domain import DomainFacts
from kvmedic.model.gap import Missing
from kvmedic.model.plan import Action, Option, Plan, PlannedDomain, PlannedHost, Step
from kvmedic.plan.catalogue import REMEDIES, remedy_of
from kvmedic.plan.situation import Remedy, Situation

LIFETIME = timedelta(hours=24)
"""A plan older than this describes another host."""
DISRUPTIVE = ("power-cycle", "shut-down-domain", "migrate-domain", "reboot-host")
REVERSIBLE = (
    "write-tunable",
    "persist-tunables",
    "set-balloon",
    "redefine-domain",
    "raise-cgroup-limit",
    "mark-cordon",
)


def compare(situation: Situation) -> tuple[Option, ...]:
    """Every remedy that applies here, gentlest first; those that answer a finding come first."""
    options = [option for remedy in REMEDIES for option in remedy.propose(situation)]
    return tuple(sorted(options, key=lambda option: (not option.helps_against, bool(option.blockers))))


def recommended(options: Iterable[Option]) -> Option | None:
    """The safest useful option: the first that answers something found and that nothing blocks."""
    return next((option for option in options if option.helps_against and not option.blockers), None)


def make_plan(situation: Situation, remedy_id: str, *, plan_id: str, now: datetime, version: str) -> Plan:
    """The plan of one remedy. UsageError: it does not apply; PreconditionFailedError: it is blocked."""
    remedy = remedy_of(remedy_id)
    if remedy is None:
        known = ", ".join(known_remedy.id for known_remedy in REMEDIES)
        raise UsageError(f"no remedy {remedy_id!r}", hint=f"Use one of {known}.")
    option = _chosen(remedy, situation)
    actions = remedy.actions(situation, option)
    host = _planned_host(situation)
    return Plan(
        schema="kvmedic/plan/1",
        id=plan_id,
        made_at=_iso(now),
        expires_at=_iso(now + LIFETIME),
        tool_version=version,
        remedies=(remedy_id,),
        hosts=(host,),
        domains=tuple(
            _planned_domain(domain) for domain in situation.wished if _is_touched(domain, option, actions)
        ),
        option=option,
        because=tuple(
            line
            for finding in situation.findings
            if finding.cause in option.helps_against
            for line in finding.because
        ),
        steps=tuple(_step(number, action, host) for number, action in enumerate(actions, start=1)),
    )


def _chosen(remedy: Remedy, situation: Situation) -> Option:
    options = remedy.propose(situation)
    if not options:
        target = situation.wishes.domain or "this host"
        raise UsageError(
            f"{remedy.id} has nothing to do for {target}", hint="See kvmedic plan for what applies."
        )
    open_options = [option for option in options if not option.blockers]
    if not open_options:
        reasons = "; ".join(f"{b.text} ({b.source})" for b in options[0].blockers)
        instead = next((b.instead for b in options[0].blockers if b.instead), None)
        hint = f"The owner's own way: {instead}" if instead else "See kvmedic plan for what applies."
        raise PreconditionFailedError(f"{remedy.id} is blocked: {reasons}", hint=hint)
    return open_options[0]


def _planned_host(situation: Situation) -> PlannedHost:
    host = situation.snapshot.host
    if isinstance(host.boot_id, Missing):
        raise PreconditionFailedError(
            "the host's boot id is not known, so a plan could not be bound to it",
            hint="Plans are made for living hosts.",
        )
    return PlannedHost(name=host.name, boot_id=host.boot_id, uri=None)


def _is_touched(domain: DomainFacts, option: Option, actions: tuple[Action, ...]) -> bool:
    """A domain is bound into the plan when the option or one of the actions names it."""
    named = {getattr(action, "domain_name", None) for action in actions}
    return option.subject.name == domain.name or domain.name in named


def _planned_domain(domain: DomainFacts) -> PlannedDomain:
    process = domain.process
    return PlannedDomain(
        uuid=None if isinstance(domain.uuid, Missing) else domain.uuid,
        name=domain.name,
        pid=None if isinstance(domain.pid, Missing) else domain.pid,
        start_ticks=None if isinstance(process, Missing) else process.start_ticks,
        managed_by=domain.managed_by,
        definition_digest=None,
    )


def _step(number: int, action: Action, host: PlannedHost) -> Step:
    tag = str(type(action).__struct_config__.tag)
    return Step(
        number=number,
        title=title_of(action),
        action=action,
        host_name=host.name,
        host_uri=host.uri,
        is_disruptive=tag in DISRUPTIVE,
        is_reversible=tag in REVERSIBLE,
    )


def title_of(action: Action) -> str:
    """The action in a phrase for people: its kind and whom it concerns."""
    kind = str(type(action).__struct_config__.tag).replace("-", " ")
    whom = getattr(action, "domain_name", None) or getattr(action, "path", None)
    return f"{kind}: {whom}" if whom else kind


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
