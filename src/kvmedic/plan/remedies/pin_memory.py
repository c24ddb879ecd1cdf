"""pin-memory: currentMemory = memory, so that no start inflates the balloon; the device stays."""

from __future__ import annotations

from kvmedic.model.domain import DomainFacts
from kvmedic.model.gap import Missing
from kvmedic.model.plan import Action, Option, RedefineDomain
from kvmedic.model.subjects import domain_subject
from kvmedic.plan.headroom import headroom
from kvmedic.plan.owners import not_ours
from kvmedic.plan.remedies.deflate_balloon import (
    SMALLEST_BYTES,
    balloon_blockers,
    ballooner_notes,
    deflating_forecast,
    inflated_bytes,
    risk_of,
    set_balloon,
)
from kvmedic.plan.situation import Remedy, Situation

ID = "pin-memory"
ANSWERS = ("balloon-over-inflated", "balloon-ineffective", "balloon-unresponsive", "balloon-stranded-memory")

RETURNS = "no, unless somebody inflates it again"


def propose(situation: Situation) -> tuple[Option, ...]:
    """One option for each running domain whose balloon is inflated, or would be at the next start."""
    options = (_option(situation, domain) for domain in situation.wished)
    return tuple(option for option in options if option is not None)


def is_configured_below(domain: DomainFacts) -> bool:
    """Whether the live definition asks for less than the maximum."""
    configured, maximum = domain.balloon_configured_bytes, domain.memory_max_bytes
    return isinstance(configured, int) and isinstance(maximum, int) and configured < maximum


def _option(situation: Situation, domain: DomainFacts) -> Option | None:
    is_inflated = inflated_bytes(domain) >= SMALLEST_BYTES
    if domain.balloon_model == "none" or not (is_inflated or is_configured_below(domain)):
        return None
    subject = domain_subject(domain)
    maximum = 0 if isinstance(domain.memory_max_bytes, Missing) else domain.memory_max_bytes
    room = headroom(situation.snapshot, (domain,))
    return Option(
        remedy=ID,
        subject=subject,
        forecast=deflating_forecast(domain, maximum, room.growth_bytes, RETURNS),
        risk=risk_of(room),
        is_reversible=True,
        is_interruptible=True,
        blockers=(
            *not_ours(domain, is_about_balloon=False),
            *(balloon_blockers(domain) if is_inflated else ()),
            *room.blockers,
        ),
        notes=(*room.notes, *ballooner_notes(situation), "the device stays, and its statistics with it"),
        helps_against=situation.causes_of(subject, ANSWERS),
    )


def actions(situation: Situation, option: Option) -> tuple[Action, ...]:
    """Deflate where it is inflated, then currentMemory = memory in the definition."""
    domain = next(d for d in situation.wished if domain_subject(d) == option.subject)
    if isinstance(domain.uuid, Missing) or isinstance(domain.memory_max_bytes, Missing):
        return ()
    deflate = set_balloon(domain, domain.memory_max_bytes) if inflated_bytes(domain) >= SMALLEST_BYTES else ()
    return (
        *deflate,
        RedefineDomain(
            domain_uuid=domain.uuid,
            domain_name=domain.name,
            memballoon_model=None,
            free_page_reporting=None,
            current_memory_to_maximum=True,
        ),
    )


REMEDY = Remedy(
    id=ID,
    title="Give the guest its maximum at every start",
    answers=ANSWERS,
    propose=propose,
    actions=actions,
)
