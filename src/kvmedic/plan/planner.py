"""From a situation to a comparison of remedies, and from one option to a plan."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from kvmedic.errors import PreconditionFailedError, UsageError
from kvmedic.model.domain import DomainFacts
from kvmedic.model.gap import Missing
from kvmedic.model.plan import (
    Action,
    CompactNode,
    MarkCordon,
    MigrateDomain,
    Option,
    Plan,
    PlannedDomain,
    PlannedHost,
    RaiseCgroupLimit,
    RebootHost,
    RedefineDomain,
    SetBalloon,
    Step,
    WriteTunable,
)
from kvmedic.plan.catalogue import REMEDIES, remedy_of
from kvmedic.plan.situation import Remedy, Situation
from kvmedic.units import human_bytes

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
    """Every remedy that applies here: what is open before what is blocked, each gentlest first; of what is
    open, that which answers a finding comes first.
    """
    _check_named(situation)
    options = [option for remedy in REMEDIES for option in remedy.propose(situation)]
    return tuple(sorted(options, key=_rank))


def _rank(option: Option) -> tuple[bool, bool]:
    is_blocked = bool(option.blockers)
    return is_blocked, not is_blocked and not option.helps_against


def recommended(options: Iterable[Option]) -> Option | None:
    """The safest useful option: the first that answers something found and that nothing blocks."""
    return next((option for option in options if option.helps_against and not option.blockers), None)


def make_plan(situation: Situation, remedy_id: str, *, plan_id: str, now: datetime, version: str) -> Plan:
    """The plan of one remedy. UsageError: it does not apply; PreconditionFailedError: it is blocked.

    Of several domains that are named the first is the canary: its steps come first, and a step that is
    refused or unknown ends the run.
    """
    remedy = remedy_of(remedy_id)
    if remedy is None:
        known = ", ".join(known_remedy.id for known_remedy in REMEDIES)
        raise UsageError(f"no remedy {remedy_id!r}", hint=f"Use one of {known}.")
    chosen = _chosen(remedy, situation)
    actions = tuple(action for option in chosen for action in remedy.actions(situation, option))
    host = _planned_host(situation)
    return Plan(
        schema="kvmedic/plan/1",
        id=plan_id,
        made_at=_iso(now),
        expires_at=_iso(now + LIFETIME),
        tool_version=version,
        remedies=_remedies(remedy_id, situation),
        hosts=(host,),
        domains=tuple(_planned_domains(situation, chosen, actions)),
        option=chosen[0],
        because=tuple(
            line
            for finding in situation.findings
            if finding.cause in chosen[0].helps_against
            for line in finding.because
        ),
        steps=tuple(_step(number, action, host) for number, action in enumerate(actions, start=1)),
    )


def _remedies(remedy_id: str, situation: Situation) -> tuple[str, ...]:
    with_tuning = situation.wishes.with_tune_host and remedy_id == "release-stranded-memory"
    return (remedy_id, "tune-host") if with_tuning else (remedy_id,)


def _chosen(remedy: Remedy, situation: Situation) -> list[Option]:
    """The options to plan: the first open one; of several domains that were named, one for each."""
    _check_named(situation)
    options = remedy.propose(situation)
    wishes = situation.wishes
    if not wishes.more_domains or wishes.domain is None:
        return [_first_open(remedy, options, wishes.domain or "this host")]
    named = (wishes.domain, *wishes.more_domains)
    found = [_first_open(remedy, [o for o in options if _is_about(o, name)], name) for name in named]
    return list({option.subject: option for option in found}.values())


def _is_about(option: Option, name: str) -> bool:
    return name in (option.subject.name, option.subject.id)


def _first_open(remedy: Remedy, options: Sequence[Option], whom: str) -> Option:
    if not options:
        raise UsageError(
            f"{remedy.id} has nothing to do for {whom}", hint="See kvmedic plan for what applies."
        )
    found = next((option for option in options if not option.blockers), None)
    if found is None:
        raise _blocked(options[0])
    return found


def _check_named(situation: Situation) -> None:
    """Whoever is named must be there: a comparison without him would look like nothing to do."""
    wishes, domains = situation.wishes, situation.snapshot.domains
    named = () if wishes.domain is None else (wishes.domain, *wishes.more_domains)
    if named and isinstance(domains, Missing):
        raise PreconditionFailedError(f"the domains could not be listed ({domains})", hint="Look at libvirt.")
    for name in named:
        if not any(name in (domain.name, domain.uuid) for domain in situation.snapshot.running):
            raise _not_running(name, domains)


def _not_running(name: str, domains: Sequence[DomainFacts] | Missing) -> UsageError:
    known = () if isinstance(domains, Missing) else domains
    state = next((domain.state for domain in known if name in (domain.name, domain.uuid)), None)
    if isinstance(state, str):
        return UsageError(
            f"domain {name!r} is {state}: it holds no memory of this host",
            hint="Remedies are for running ones.",
        )
    return UsageError(f"no running domain {name!r} on this host", hint="virsh list names them.")


def _blocked(option: Option) -> PreconditionFailedError:
    reasons = "; ".join(f"{b.text} ({b.source})" for b in option.blockers)
    instead = next((b.instead for b in option.blockers if b.instead), None)
    hint = f"The owner's own way: {instead}" if instead else "See kvmedic plan for what applies."
    return PreconditionFailedError(
        f"{option.remedy} for {option.subject.name} is blocked: {reasons}", hint=hint
    )


def _planned_host(situation: Situation) -> PlannedHost:
    host = situation.snapshot.host
    if isinstance(host.boot_id, Missing):
        raise PreconditionFailedError(
            "the host's boot id is not known, so a plan could not be bound to it",
            hint="Plans are made for living hosts.",
        )
    fleet = None if situation.is_local else situation.fleet
    return PlannedHost(name=host.name, boot_id=host.boot_id, uri=None if fleet is None else fleet.uri)


def _planned_domains(
    situation: Situation, chosen: Iterable[Option], actions: tuple[Action, ...]
) -> Iterable[PlannedDomain]:
    """The domains that an option or one of the actions names."""
    named = {getattr(action, "domain_name", None) for action in actions}
    named |= {option.subject.name for option in chosen}
    redefined = {action.domain_uuid for action in actions if isinstance(action, RedefineDomain)}
    for domain in situation.wished:
        if domain.name in named:
            digest = situation.definition_digests.get(str(domain.uuid)) if domain.uuid in redefined else None
            yield _planned_domain(domain, digest)


def _planned_domain(domain: DomainFacts, digest: str | None) -> PlannedDomain:
    process = domain.process
    return PlannedDomain(
        uuid=None if isinstance(domain.uuid, Missing) else domain.uuid,
        name=domain.name,
        pid=None if isinstance(domain.pid, Missing) else domain.pid,
        start_ticks=None if isinstance(process, Missing) else process.start_ticks,
        managed_by=domain.managed_by,
        definition_digest=digest,
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
    """The action in a phrase for people: its kind, whom it concerns, and what it sets."""
    kind = str(type(action).__struct_config__.tag).replace("-", " ")
    match action:
        case WriteTunable():
            return f"set {action.path}: {action.expected} → {action.value}"
        case SetBalloon():
            return f"{kind}: {action.domain_name} to {human_bytes(action.actual_bytes)}, polled"
        case RedefineDomain():
            return f"{kind}: {action.domain_name}, {', '.join(_wished(action))}"
        case RaiseCgroupLimit():
            return f"{kind}: {action.domain_name} to {human_bytes(action.hard_limit_bytes)}"
        case MigrateDomain():
            return f"{kind}: {action.domain_name} to {action.destination_uri}, live"
        case MarkCordon():
            return "cordon the host" if action.is_cordoned else "lift the cordon of the host"
        case RebootHost():
            return f"reboot the host ({action.via}), and wait until it is healthy"
        case CompactNode():
            return f"{kind} {action.node}, in passes while it helps"
    whom = getattr(action, "domain_name", None) or getattr(action, "path", None)
    return f"{kind}: {whom}" if whom else kind


def _wished(action: RedefineDomain) -> Iterable[str]:
    if action.memballoon_model is not None:
        yield f"memballoon model {action.memballoon_model}"
    if action.free_page_reporting is not None:
        yield f"free page reporting {'on' if action.free_page_reporting else 'off'}"
    if action.current_memory_to_maximum:
        yield "currentMemory = memory"


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
