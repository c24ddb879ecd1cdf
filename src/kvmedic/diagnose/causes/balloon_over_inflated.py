"""balloon-over-inflated: the balloon took so much that the guest itself is in need.

A large balloon alone is no fault: a guest with three quarters of its memory taken can be well. What decides
is what the guest can still use (libvirt's ``usable``, the guest's MemAvailable), never the size of the
balloon. Between a guest that is low and one that starves, its own swapping and major faults decide, as growth
between two of its reports: totals since it booted say nothing.
"""

from __future__ import annotations

from kvmedic.diagnose.balloons import Balloon, balloon_of, no_balloon
from kvmedic.diagnose.verdicts import (
    LIKELY,
    POSSIBLE,
    PROVEN,
    because,
    cleared,
    finding,
    found,
    lacking,
    over_domains,
)
from kvmedic.model.domain import DomainFacts, GuestRates, GuestStatistics
from kvmedic.model.finding import Because, Cause, Finding, Judgement, Severity
from kvmedic.model.gap import Missing
from kvmedic.model.snapshot import Snapshot
from kvmedic.model.subjects import domain_subject
from kvmedic.units import MIB, human_bytes

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
SWAPPING_BYTES_PER_S = 0.5 * MIB
"""In and out at once: 128 pages a second from a disk keep a task waiting for a good part of every second."""
FAULTS_PER_S = 200.0
"""Major faults, each a read from a disk: a program that starts makes as many for some seconds, a guest
without room for its page cache all the time."""


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
    starving = None if isinstance(guest.rates, Missing) else _starving(guest.rates)
    if share < LOW_SHARE:
        return found(_in_need(domain, balloon, guest, share, starving))
    is_half_taken = balloon.given_up_bytes >= balloon.maximum_bytes * HALF_TAKEN_SHARE
    if not is_half_taken or guest.usable_bytes >= balloon.maximum_bytes * COMFORT_SHARE:
        return cleared("the balloon is inflated, and the guest still has memory it can use", "libvirt")
    if isinstance(guest.rates, Missing):
        return lacking(
            f"{domain.name}: growth of the guest's swapping and major faults (totals are no rates): "
            f"{guest.rates.detail}"
        )
    if starving:
        return found(_in_need(domain, balloon, guest, share, starving))
    return cleared(f"the balloon is large, and the guest is at rest: {_said(guest.rates)}", "libvirt")


def _starving(rates: GuestRates) -> str | None:
    """What the guest does that only a guest in need does; None where it does nothing of it."""
    swaps_in, swaps_out = rates.swap_in_bytes_per_s or 0.0, rates.swap_out_bytes_per_s or 0.0
    if min(swaps_in, swaps_out) >= SWAPPING_BYTES_PER_S:
        return "swaps the same memory out and in"
    if (rates.major_faults_per_s or 0.0) >= FAULTS_PER_S:
        return "reads back from its disks what it had no room to keep"
    return None


def _said(rates: GuestRates) -> str:
    parts = (
        (rates.swap_in_bytes_per_s, "{}/s swapped in"),
        (rates.swap_out_bytes_per_s, "{}/s swapped out"),
    )
    told = [text.format(human_bytes(int(amount))) for amount, text in parts if amount is not None]
    if rates.major_faults_per_s is not None:
        told.append(f"{rates.major_faults_per_s:.0f} major faults a second")
    return f"{', '.join(told) or 'no counters'} (within {rates.interval_s:.0f} s)"


def _in_need(
    domain: DomainFacts, balloon: Balloon, guest: GuestStatistics, share: float, starving: str | None
) -> Finding:
    is_critical = share < CRITICAL_SHARE
    usable = f"{human_bytes(guest.usable_bytes or 0)} ({share:.0%} of what it has)"
    doing = f" and {starving}" if starving else ""
    return finding(
        ID,
        domain_subject(domain),
        Severity.WARNING if is_critical or starving else Severity.INFO,
        _confidence(is_critical=is_critical, is_starving=starving is not None),
        summary=f"the balloon holds {human_bytes(balloon.given_up_bytes)} of {domain.name}, "
        f"whose guest can use only {usable}{doing}",
        proof=_proof(balloon, guest, usable),
        remedies=REMEDIES,
    )


def _confidence(*, is_critical: bool, is_starving: bool) -> float:
    """Next to nothing usable and starving at once is the whole of it; either alone has other explanations."""
    if is_critical and is_starving:
        return PROVEN
    return LIKELY if is_critical or is_starving else POSSIBLE


def _proof(balloon: Balloon, guest: GuestStatistics, usable: str) -> list[Because]:
    lines = [
        balloon.reason,
        because(f"the guest can use {usable}, read {guest.age_s or 0:.0f} s ago", "libvirt"),
    ]
    if not isinstance(guest.rates, Missing):
        lines.append(because(f"the guest: {_said(guest.rates)}", "libvirt"))
    elif guest.swap_out_bytes:
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
