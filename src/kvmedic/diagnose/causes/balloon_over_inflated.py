"""balloon-over-inflated: the balloon took so much that the guest itself is in need.

A large balloon alone is no fault: a guest with three quarters of its memory taken can be well. What decides
is what the guest can still use (libvirt's ``usable``, the guest's MemAvailable), never the size of the
balloon.
"""

from __future__ import annotations

from kvmedic.diagnose.balloons import Balloon, balloon_of, no_balloon
from kvmedic.diagnose.verdicts import (
    LIKELY,
    POSSIBLE,
    because,
    cleared,
    finding,
    found,
    lacking,
    over_domains,
)
from kvmedic.model.domain import DomainFacts, GuestStatistics
from kvmedic.model.finding import Because, Cause, Finding, Judgement, Severity
from kvmedic.model.gap import Missing
from kvmedic.model.snapshot import Snapshot
from kvmedic.model.subjects import domain_subject
from kvmedic.units import human_bytes

ID = "balloon-over-inflated"
REMEDIES = ("deflate-balloon", "pin-memory", "disable-balloon")
CRITICAL_SHARE = 0.05
"""The guest can use less than this share of what it has: the critical level of oVirt's MOM."""
LOW_SHARE = 0.10
"""From here down a guest has no room for a burst; one reading does not show that it lasts."""
HALF_TAKEN_SHARE = 0.5
"""A balloon larger than half of the domain can starve a guest whose cache is gone though some memory is
usable."""
COMFORT_SHARE = 0.20
"""A guest that can use a fifth of its full size is under no pressure (the pressure level of oVirt's MOM)."""


def examine(snapshot: Snapshot) -> Judgement:
    """Every running domain: inflated, and the guest in need?"""
    return over_domains(snapshot, _examine_domain)


def _examine_domain(domain: DomainFacts) -> Judgement:
    if clearance := no_balloon(domain):
        return clearance
    balloon = balloon_of(domain)
    if isinstance(balloon, Missing):
        return lacking(balloon)
    if not balloon.is_inflated:
        return cleared("the balloon is not inflated: actual is the maximum, or near it", "libvirt")
    if isinstance(domain.guest, Missing):
        return lacking(domain.guest)
    if not domain.guest.is_fresh:
        return lacking(f"{domain.name}: what the guest says of its memory is stale")
    return _weigh(domain, balloon, domain.guest)


def _weigh(domain: DomainFacts, balloon: Balloon, guest: GuestStatistics) -> Judgement:
    if guest.usable_bytes is None:
        return lacking(f"{domain.name}: the guest does not report usable memory")
    share = guest.usable_bytes / (guest.available_bytes or balloon.actual_bytes or 1)
    if share < LOW_SHARE:
        return found(_in_need(domain, balloon, guest, guest.usable_bytes, share))
    is_half_taken = balloon.given_up_bytes >= balloon.maximum_bytes * HALF_TAKEN_SHARE
    if is_half_taken and guest.usable_bytes < balloon.maximum_bytes * COMFORT_SHARE:
        return lacking(
            f"{domain.name}: growth of the guest's swapping and major faults (totals are no rates)"
        )
    return cleared("the balloon is inflated, and the guest still has memory it can use", "libvirt")


def _in_need(
    domain: DomainFacts, balloon: Balloon, guest: GuestStatistics, usable_bytes: int, share: float
) -> Finding:
    is_critical = share < CRITICAL_SHARE
    usable = f"{human_bytes(usable_bytes)} ({share:.0%} of what it has)"
    return finding(
        ID,
        domain_subject(domain),
        Severity.WARNING if is_critical else Severity.INFO,
        LIKELY if is_critical else POSSIBLE,
        summary=f"the balloon holds {human_bytes(balloon.given_up_bytes)} of {domain.name}, "
        f"whose guest can use only {usable}",
        proof=_proof(balloon, guest, usable),
        remedies=REMEDIES,
    )


def _proof(balloon: Balloon, guest: GuestStatistics, usable: str) -> list[Because]:
    lines = [
        balloon.reason,
        because(f"the guest can use {usable}, read {guest.age_s or 0:.0f} s ago", "libvirt"),
    ]
    if guest.swap_out_bytes:
        text = (
            f"the guest has swapped out {human_bytes(guest.swap_out_bytes)} since it booted (a total, "
            "not a rate)"
        )
        lines.append(because(text, "libvirt"))
    return lines


CAUSE = Cause(
    id=ID,
    title="The balloon took so much that the guest is in need",
    is_essential=False,
    judged="both",
    examine=examine,
)
