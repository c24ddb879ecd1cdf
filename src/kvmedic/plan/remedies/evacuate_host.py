"""evacuate-host: cordon a host and move every guest away, each one live, to where it fits at its maximum.

It runs from another machine, with a journal that survives: the patient cannot nurse itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kvmedic.model.domain import ManagedBy
from kvmedic.model.finding import Subject
from kvmedic.model.gap import Missing
from kvmedic.model.plan import (
    Action,
    Amount,
    Blocker,
    Downtime,
    Forecast,
    MarkCordon,
    Option,
    ShutDownDomain,
)
from kvmedic.model.subjects import HOST
from kvmedic.plan.evacuation_order import Placement, evacuation
from kvmedic.plan.forecasts import not_known
from kvmedic.plan.remedies.migrate_domain import held_bytes, move_to
from kvmedic.plan.situation import HostView, Remedy, Situation, blocker

ID = "evacuate-host"
ANSWERS = (
    "host-memory-exhausted",
    "host-memory-overcommitted",
    "hardware-memory-error",
    "swap-thrashing",
    "host-cpu-overcommitted",
    "kernel-memory-growth",
)
SHUTDOWN_TIMEOUT_S = 300.0
QUESTIONS = {
    "ceph-noout-set": "Ceph runs here: is noout set, and does the cluster keep its quorum without this host?",
    "ha-maintenance-on": "a cluster manager watches this host: is it in maintenance mode?",
    "fencing-disarmed": "a watchdog may fence this host: is it disarmed, or the host in maintenance?",
}
OTHER_WAYS: dict[ManagedBy, str] = {
    "nova": "openstack compute service set --disable HOST nova-compute, then nova host-evacuate-live HOST",
    "proxmox": "ha-manager crm-command node-maintenance enable NODE",
    "kubevirt": "kubectl drain NODE (KubeVirt migrates what it can)",
    "harvester": "Enable Maintenance Mode in Harvester's page of the host",
    "ovirt": "in the engine: Compute, Hosts, Management, Maintenance",
    "cloudstack": "cmk prepare hostformaintenance id=ID",
    "opennebula": "onehost flush HOST",
    "pacemaker": "pcs node standby NODE",
}


def propose(situation: Situation) -> tuple[Option, ...]:
    """One option, where the host runs anything at all."""
    return (_option(situation),) if situation.snapshot.running else ()


def host_of(situation: Situation) -> Subject:
    """The host by its name where it is another one: the policy's cool-down is for each host by itself."""
    if situation.is_local:
        return HOST
    return Subject(kind="host", name=situation.snapshot.host.name, id=None)


def _option(situation: Situation) -> Option:
    placements = evacuation(situation)
    return Option(
        remedy=ID,
        subject=host_of(situation),
        forecast=_forecast(placements),
        risk="high",
        is_reversible=False,
        is_interruptible=not situation.wishes.with_post_copy,
        blockers=(*blockers_of_acting(situation), *blockers_of_domains(situation, placements)),
        notes=(*notes_of(placements), "the cordon stays when the host is empty; kvmedic undo RUN lifts it"),
        helps_against=situation.causes_of(HOST, ANSWERS),
    )


def blockers_of_acting(situation: Situation) -> Iterator[Blocker]:
    """Why this host may not be emptied now at all."""
    if situation.is_local:
        yield blocker(
            "the patient cannot nurse itself: this is the host that would be emptied",
            "operations",
            "run it on another machine: kvmedic plan ssh://root@THIS --policy FLEET.toml",
        )
    fleet = situation.fleet
    if fleet is None:
        yield blocker("the other hosts are not known", "policy", "name them in a policy file (--policy)")
        return
    yield from _questions(situation)
    yield from _fleet_health(situation)
    running = {str(domain.uuid).lower() for domain in situation.snapshot.running}
    if fleet.controller_uuid is not None and fleet.controller_uuid in running:
        yield blocker("this machine is a guest of that host: it would move itself", "hardware UUID")


def _questions(situation: Situation) -> Iterator[Blocker]:
    """A mark on the host raises a question; only the policy's own word settles it, silence does not."""
    assert situation.fleet is not None  # noqa: S101
    marks = situation.fleet.marks
    if isinstance(marks, Missing):
        yield blocker("whether others watch over this host could not be read", str(marks))
        return
    for key, mark in sorted(marks.questions.items()):
        if situation.policy.answers.get(key) is not True:
            yield blocker(QUESTIONS.get(key, key), mark, f"once it is so: answers.{key} = true in the policy")


def _fleet_health(situation: Situation) -> Iterator[Blocker]:
    healthy = [view for view in situation.others if is_healthy(view)]
    least = situation.policy.least_healthy_hosts
    if len(healthy) < least:
        yield blocker(f"{len(healthy)} other hosts are healthy; the policy wants {least} to stay", "policy")
    for view in situation.others:
        if not isinstance(view.marks, Missing) and view.marks.cordon is not None:
            yield blocker(
                f"one host at a time: {view.name} is cordoned ({view.marks.cordon})", "/run/kvmedic/cordon"
            )


def is_healthy(view: HostView) -> bool:
    """It answers, and nobody has marked it."""
    is_marked = not isinstance(view.marks, Missing) and view.marks.cordon is not None
    return not isinstance(view.libvirt, Missing) and not is_marked


def blockers_of_domains(situation: Situation, placements: Sequence[Placement]) -> Iterator[Blocker]:
    """Each domain that can neither move nor be shut down, with every reason."""
    if situation.fleet is not None and placements and not any(p.candidate for p in placements):
        yield blocker("no beneficial move: no guest of this host can go to any other", "fleet")
    protected = set(situation.policy.protected_domains)
    for placement in placements:
        domain = placement.domain
        if protected & {domain.name, str(domain.uuid)}:
            yield blocker(f"{domain.name} is protected by the policy", "policy")
        if placement.may_be_shut_down:
            continue
        for found in placement.blockers:
            way = OTHER_WAYS.get(domain.managed_by) or found.instead
            yield blocker(f"{domain.name}: {found.text}", found.source, way)


def notes_of(placements: Sequence[Placement]) -> Iterator[str]:
    """Who goes where, in order."""
    for placement in placements:
        if placement.candidate is not None:
            yield f"{placement.domain.name} → {placement.candidate.shown}"
        elif placement.may_be_shut_down:
            reasons = "; ".join(found.text for found in placement.blockers)
            yield f"{placement.domain.name} would be shut down gracefully, as the policy allows ({reasons})"


def _forecast(placements: Sequence[Placement]) -> Forecast:
    return Forecast(
        freed_bytes=sum_of([held_bytes(p.domain) for p in placements]),
        contiguous_blocks=not_known("what the kernel itself scattered stays until a reboot"),
        returns="when guests come back",
        downtime=tuple(downtimes(placements)),
        takes_s=not_known("no bandwidth was measured between these hosts"),
        noticed_by="every guest of this host",
    )


def downtimes(placements: Sequence[Placement]) -> Iterator[Downtime]:
    """Everybody pauses once; for how long nobody knows beforehand."""
    for placement in placements:
        yield Downtime(who=placement.domain.name, seconds=None)


def sum_of(amounts: Sequence[Amount]) -> Amount:
    """The sum where every part is known."""
    best = [amount.best for amount in amounts]
    low, high = [amount.low for amount in amounts], [amount.high for amount in amounts]
    known = [
        sum(number for number in numbers if number is not None) if None not in numbers else None
        for numbers in (best, low, high)
    ]
    return Amount(best=known[0], low=known[1], high=known[2], basis="what each guest holds here")


def actions(situation: Situation, option: Option) -> tuple[Action, ...]:
    """The cordon, then the guests one by one."""
    text = f"kvmedic {option.remedy}: nothing comes here until it is lifted"
    return (MarkCordon(is_cordoned=True, text=text), *leaving(situation, evacuation(situation)))


def leaving(situation: Situation, placements: Sequence[Placement]) -> Iterator[Action]:
    """The move of each domain, or its graceful shutdown where the policy allows that."""
    for placement in placements:
        domain = placement.domain
        if placement.candidate is not None and placement.mobility is not None:
            yield move_to(situation, domain, placement.mobility, placement.candidate)
        elif placement.may_be_shut_down and isinstance(domain.uuid, str):
            yield ShutDownDomain(
                domain_uuid=domain.uuid, domain_name=domain.name, timeout_s=SHUTDOWN_TIMEOUT_S
            )


REMEDY = Remedy(
    id=ID,
    title="Cordon the host and move every guest away",
    answers=ANSWERS,
    propose=propose,
    actions=actions,
)
