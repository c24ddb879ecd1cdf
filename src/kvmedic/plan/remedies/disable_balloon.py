"""disable-balloon: deflate it, and define the domain without one; it goes at the next power cycle.

The element is replaced by model='none', never deleted: libvirt would add a virtio balloon again. Without a
balloon currentMemory is ignored and the guest gets its maximum, so the host must bear that first. Neither a
live change nor a detach of memballoon exists in libvirt (docs/remedies/disable-balloon.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from shlex import quote

from kvmedic.model.domain import DomainFacts
from kvmedic.model.gap import Missing
from kvmedic.model.plan import (
    Action,
    Amount,
    Blocker,
    Downtime,
    Forecast,
    Option,
    PowerCycle,
    RedefineDomain,
)
from kvmedic.model.subjects import domain_subject
from kvmedic.plan.forecasts import NO_DOWNTIME, not_known
from kvmedic.plan.headroom import Headroom, headroom
from kvmedic.plan.owners import not_ours
from kvmedic.plan.remedies.deflate_balloon import (
    SMALLEST_BYTES,
    balloon_blockers,
    ballooner_notes,
    inflated_bytes,
    seconds_to_deflate,
    set_balloon,
)
from kvmedic.plan.situation import Remedy, Situation, blocker

ID = "disable-balloon"
ANSWERS = (
    "balloon-stranded-memory",
    "balloon-undone",
    "balloon-ineffective",
    "balloon-over-inflated",
    "balloon-unresponsive",
)
SHUTDOWN_TIMEOUT_S = 180.0
PENDING = "memballoon model: virtio → none"


def propose(situation: Situation) -> tuple[Option, ...]:
    """One option for each running domain with a balloon; the head-room is that of all that are named."""
    room = headroom(situation.snapshot, [d for d in situation.wished if _has_balloon(d)])
    named = situation.wishes.domain is not None
    return tuple(
        _option(situation, domain, room if named else headroom(situation.snapshot, (domain,)))
        for domain in situation.wished
        if _has_balloon(domain)
    )


def _has_balloon(domain: DomainFacts) -> bool:
    return isinstance(domain.balloon_model, str) and domain.balloon_model != "none"


def _option(situation: Situation, domain: DomainFacts, room: Headroom) -> Option:
    subject, wishes = domain_subject(domain), situation.wishes
    return Option(
        remedy=ID,
        subject=subject,
        forecast=_forecast(domain, room, with_power_cycle=wishes.with_power_cycle),
        risk="medium",
        is_reversible=True,
        is_interruptible=True,
        blockers=(
            *not_ours(domain, is_about_balloon=True),
            *(balloon_blockers(domain) if _is_inflated(domain) else ()),
            *_blockers(domain, with_power_cycle=wishes.with_power_cycle),
            *room.blockers,
        ),
        notes=(
            *room.notes,
            *ballooner_notes(situation),
            "a reboot inside the guest, or virsh reset, does not take the device away; a power cycle does",
            "the guest's memory statistics go with the device (pin-memory keeps them)",
            *(comes_with_the_cycle(domain) if wishes.with_power_cycle else ()),
        ),
        helps_against=situation.causes_of(subject, ANSWERS),
    )


def _is_inflated(domain: DomainFacts) -> bool:
    return inflated_bytes(domain) >= SMALLEST_BYTES


def comes_with_the_cycle(domain: DomainFacts) -> Iterable[str]:
    """What somebody else has defined since, and waits for the same power cycle."""
    for change in domain.pending_changes:
        if not change.startswith("memballoon"):
            yield f"the power cycle brings this with it: {change}"


def _blockers(domain: DomainFacts, *, with_power_cycle: bool) -> Iterable[Blocker]:
    if PENDING in domain.pending_changes and not with_power_cycle:
        yield blocker(
            "it is defined already, and waits for a power cycle",
            "libvirt",
            "kvmedic plan --remedy disable-balloon --power-cycle, or shut the guest down and start it",
        )
    if domain.has_managed_save is True:
        yield blocker(
            "it has a managed-save image, which would bring the balloon back",
            "libvirt",
            f"virsh managedsave-remove -- {quote(domain.name)}, once nobody wants the image",
        )
    for change in domain.pending_changes:
        if change.startswith("memory:"):
            yield blocker(f"its size changes at the next start ({change}): head-room is not known", "libvirt")


def _forecast(domain: DomainFacts, room: Headroom, *, with_power_cycle: bool) -> Forecast:
    deflating = seconds_to_deflate(inflated_bytes(domain))
    return Forecast(
        freed_bytes=Amount(
            best=0,
            low=-room.growth_bytes,
            high=0,
            basis="it stops the cause and frees nothing; the host pays as the guest touches its memory",
        ),
        contiguous_blocks=not_known("the guest decides what it touches"),
        returns="no" if with_power_cycle else "no, once it was powered off and on",
        downtime=(Downtime(who=domain.name, seconds=None),) if with_power_cycle else NO_DOWNTIME,
        takes_s=Amount(
            best=deflating,
            low=1,
            high=deflating + (round(SHUTDOWN_TIMEOUT_S) if with_power_cycle else 60),
            basis="the guest's shutdown takes what it takes"
            if with_power_cycle
            else "deflating, as measured",
        ),
        noticed_by=f"{domain.name} (shut down and started)"
        if with_power_cycle
        else "the guest (more memory)",
    )


def actions(situation: Situation, option: Option) -> tuple[Action, ...]:
    """Deflate, redefine, and where it was asked for, the power cycle."""
    domain = next(d for d in situation.wished if domain_subject(d) == option.subject)
    if isinstance(domain.uuid, Missing) or isinstance(domain.memory_max_bytes, Missing):
        return ()
    deflate = set_balloon(domain, domain.memory_max_bytes) if _is_inflated(domain) else ()
    redefine = RedefineDomain(
        domain_uuid=domain.uuid,
        domain_name=domain.name,
        memballoon_model="none",
        free_page_reporting=None,
        current_memory_to_maximum=True,
    )
    cycle = PowerCycle(domain_uuid=domain.uuid, domain_name=domain.name, timeout_s=SHUTDOWN_TIMEOUT_S)
    return (*deflate, redefine, *((cycle,) if situation.wishes.with_power_cycle else ()))


REMEDY = Remedy(
    id=ID, title="Take the balloon out of the domain", answers=ANSWERS, propose=propose, actions=actions
)
