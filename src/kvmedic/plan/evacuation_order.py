"""Who of a host goes where, and in which order: greedy best fit, each guest counted at its maximum. Pure.

Placed are the largest first, each where it leaves the least room over, so that large holes stay for large
guests. Moved are first those that the policy names, then those whose move takes the least memory at the
source: what they leave behind is room for the costlier ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kvmedic.model.domain import DomainFacts
from kvmedic.model.gap import Missing
from kvmedic.model.migration import Mobility
from kvmedic.model.plan import Blocker
from kvmedic.model.record import Record
from kvmedic.plan.candidates import Candidate, candidates
from kvmedic.plan.migration_blockers import blockers_of_leaving, needed_at_source, needed_bytes
from kvmedic.plan.remedies.migrate_domain import held_bytes
from kvmedic.plan.situation import Situation


class Placement(Record, frozen=True, kw_only=True):
    """A domain of the host with the place found for it, or why there is none."""

    domain: DomainFacts
    mobility: Mobility | None
    candidate: Candidate | None
    blockers: tuple[Blocker, ...]
    may_be_shut_down: bool


def evacuation(situation: Situation) -> tuple[Placement, ...]:
    """Every running domain of the host, in the order in which it would leave."""
    reserved: dict[str, int] = {}
    placed = {}
    for domain in sorted(situation.snapshot.running, key=_size, reverse=True):
        placement = _place(situation, domain, reserved)
        placed[domain.name] = placement
        if placement.candidate is not None and placement.mobility is not None:
            name = placement.candidate.view.name
            reserved[name] = reserved.get(name, 0) + needed_bytes(placement.mobility)
    return tuple(_checked_in_order(situation, _ordered(situation, placed.values())))


def _size(domain: DomainFacts) -> int:
    return domain.memory_max_bytes if isinstance(domain.memory_max_bytes, int) else 0


def _place(situation: Situation, domain: DomainFacts, reserved: dict[str, int]) -> Placement:
    fleet = situation.fleet
    known = {} if fleet is None or isinstance(fleet.mobility, Missing) else fleet.mobility
    mobility = known.get(str(domain.uuid))
    ranked = () if mobility is None else candidates(situation, mobility, reserved)
    open_ones = [candidate for candidate in ranked if not candidate.blockers]
    tightest = min(open_ones, key=lambda c: (c.room_after_bytes, c.view.name), default=None)
    none_open = () if open_ones else tuple(b for candidate in ranked for b in candidate.blockers)
    return Placement(
        domain=domain,
        mobility=mobility,
        candidate=tightest,
        blockers=none_open,
        may_be_shut_down=_may_be_shut_down(situation, domain),
    )


def _may_be_shut_down(situation: Situation, domain: DomainFacts) -> bool:
    """Only what plain libvirt owns: another manager would start it again, or fail over."""
    allowed = set(situation.policy.may_shut_down)
    is_ours = domain.managed_by == "libvirt" and domain.source != "process"
    return is_ours and bool(allowed & {"*", domain.name, str(domain.uuid)})


def _ordered(situation: Situation, placements: object) -> list[Placement]:
    first = situation.policy.evacuate_first
    listed: Sequence[Placement] = list(placements)  # type: ignore[call-overload]

    def rank(placement: Placement) -> tuple[int, int, int]:
        names = (placement.domain.name, str(placement.domain.uuid))
        place = next((at for at, name in enumerate(first) if name in names), len(first))
        cost = 0 if placement.mobility is None else needed_at_source(placement.domain, placement.mobility)
        return place, cost, -_size(placement.domain)

    return sorted(listed, key=rank)


def _checked_in_order(situation: Situation, placements: Sequence[Placement]) -> Iterator[Placement]:
    """What forbids each to leave, with the room that those before it have left behind."""
    freed = 0
    for placement in placements:
        leaving = tuple(blockers_of_leaving(situation, placement.domain, freed))
        blockers = (*leaving, *placement.blockers)
        if not blockers:
            freed += held_bytes(placement.domain).best or 0
        yield Placement(
            domain=placement.domain,
            mobility=placement.mobility,
            candidate=None if blockers else placement.candidate,
            blockers=blockers,
            may_be_shut_down=placement.may_be_shut_down,
        )
