"""deflate-balloon: give a guest back what its balloon holds, wholly or up to a target.

The host pays when the guest touches it, so there must be head-room first. libvirt's yes means only that QEMU
took the request: success is ``actual``, polled.
"""

from __future__ import annotations

from collections.abc import Iterable

from kvmedic.model.domain import DomainFacts
from kvmedic.model.gap import Missing
from kvmedic.model.plan import Action, Amount, Blocker, Forecast, Option, Risk, SetBalloon
from kvmedic.model.subjects import domain_subject
from kvmedic.plan.forecasts import NO_DOWNTIME, not_known
from kvmedic.plan.headroom import Headroom, headroom
from kvmedic.plan.owners import not_listed
from kvmedic.plan.situation import Remedy, Situation, blocker
from kvmedic.units import GIB, MIB, human_bytes

ID = "deflate-balloon"
ANSWERS = ("balloon-over-inflated", "balloon-ineffective", "guest-internal")
RETURNS = "no, unless somebody inflates it again, or at the next start if currentMemory is lower"
SMALLEST_BYTES = 8 * MIB
TIMEOUT_S = 60.0
TIMEOUT_S_PER_GIB = 10.0


def propose(situation: Situation) -> tuple[Option, ...]:
    """One option for each running domain whose balloon holds something."""
    options = (_option(situation, domain) for domain in situation.wished)
    return tuple(option for option in options if option is not None)


def inflated_bytes(domain: DomainFacts) -> int:
    """What the balloon holds; 0 where that is not known, or there is no balloon."""
    maximum, actual = domain.memory_max_bytes, domain.balloon_actual_bytes
    if isinstance(maximum, Missing) or isinstance(actual, Missing) or domain.balloon_model == "none":
        return 0
    return max(0, maximum - actual)


def target_of(situation: Situation, domain: DomainFacts) -> int:
    """The wished ``actual``, at most the maximum."""
    maximum = 0 if isinstance(domain.memory_max_bytes, Missing) else domain.memory_max_bytes
    return min(maximum, situation.wishes.target_bytes or maximum)


def _option(situation: Situation, domain: DomainFacts) -> Option | None:
    if inflated_bytes(domain) < SMALLEST_BYTES:
        return None
    subject, target = domain_subject(domain), target_of(situation, domain)
    room = headroom(situation.snapshot, (domain,), target)
    return Option(
        remedy=ID,
        subject=subject,
        forecast=deflating_forecast(domain, target, room.growth_bytes),
        risk=risk_of(room),
        is_reversible=True,
        is_interruptible=True,
        blockers=(*balloon_blockers(domain), *_target_blockers(situation, domain, target), *room.blockers),
        notes=(*room.notes, *ballooner_notes(situation)),
        helps_against=situation.causes_of(subject, ANSWERS),
    )


def risk_of(room: Headroom) -> Risk:
    """Where only swap bears what the guest may touch, everybody on the host may feel it."""
    return "medium" if any("only with swap" in note for note in room.notes) else "low"


def seconds_to_deflate(given_bytes: int) -> int:
    """How long the guest's driver takes, as measured under emulation."""
    return max(1, round(given_bytes / GIB * 2))


def _target_blockers(situation: Situation, domain: DomainFacts, target: int) -> Iterable[Blocker]:
    actual = domain.balloon_actual_bytes
    wished, maximum = situation.wishes.target_bytes, domain.memory_max_bytes
    if wished is not None and isinstance(maximum, int) and wished > maximum:
        yield blocker(f"the guest's maximum is {human_bytes(maximum)}", "libvirt")
    if not isinstance(actual, Missing) and target <= actual:
        yield blocker(
            f"the guest has {human_bytes(actual)} already; this remedy never takes memory from it", "libvirt"
        )


def balloon_blockers(domain: DomainFacts) -> Iterable[Blocker]:
    """Why the balloon of a running domain cannot be set."""
    yield from not_listed(domain)
    if domain.balloon_driver == "silent":
        yield blocker("its balloon driver never answered: a request would be taken and never done", "libvirt")


def ballooner_notes(situation: Situation) -> tuple[str, ...]:
    """Daemons that set balloons by themselves would set it back."""
    marks = situation.marks
    if isinstance(marks, Missing):
        return ()
    return tuple(f"{daemon} runs here and may inflate it again" for daemon in marks.auto_ballooners)


def deflating_forecast(domain: DomainFacts, target: int, growth: int, returns: str = RETURNS) -> Forecast:
    """The guest gets memory, the host gives it as it is touched."""
    given = max(0, target - _actual(domain))
    basis = f"the guest gets {human_bytes(given)}; the host pays as it is touched"
    return Forecast(
        freed_bytes=Amount(best=0, low=-growth, high=0, basis=basis),
        contiguous_blocks=not_known("the guest decides what it touches"),
        returns=returns,
        downtime=NO_DOWNTIME,
        takes_s=Amount(
            best=seconds_to_deflate(given),
            low=1,
            high=round(timeout_s(domain)),
            basis="measured under emulation",
        ),
        noticed_by="the guest (it has more memory)",
    )


def _actual(domain: DomainFacts) -> int:
    return 0 if isinstance(domain.balloon_actual_bytes, Missing) else domain.balloon_actual_bytes


def timeout_s(domain: DomainFacts) -> float:
    """How long is polled until the outcome is called unknown."""
    return TIMEOUT_S + inflated_bytes(domain) / GIB * TIMEOUT_S_PER_GIB


def set_balloon(domain: DomainFacts, target: int) -> tuple[SetBalloon, ...]:
    """The action; none where libvirt does not know the domain."""
    if isinstance(domain.uuid, Missing):
        return ()
    return (
        SetBalloon(
            domain_uuid=domain.uuid,
            domain_name=domain.name,
            actual_bytes=target,
            timeout_s=timeout_s(domain),
        ),
    )


def actions(situation: Situation, option: Option) -> tuple[Action, ...]:
    """One action: the target, polled."""
    domain = next(d for d in situation.wished if domain_subject(d) == option.subject)
    return set_balloon(domain, target_of(situation, domain))


REMEDY = Remedy(
    id=ID,
    title="Give the guest back what the balloon holds",
    answers=ANSWERS,
    propose=propose,
    actions=actions,
)
