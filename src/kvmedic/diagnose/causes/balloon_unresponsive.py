"""balloon-unresponsive: the domain has a balloon device, and the guest's driver does not do its part.

virDomainSetMemory succeeds without a driver, and nothing happens. ``last_update`` 0 means that the guest
never answered, not that it answered in 1970; values of 2^64−1 are no values.
"""

from __future__ import annotations

from kvmedic.diagnose.balloons import INFLATED_BYTES, balloon_of, no_balloon
from kvmedic.diagnose.need import Need, memory_need
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
from kvmedic.units import human_bytes, human_seconds

ID = "balloon-unresponsive"
REMEDIES = ("pin-memory", "disable-balloon")
TARGET_SHARE = 0.02
"""A balloon that is off its target by more than this share of the maximum (and 64 MiB) has not reached it."""

STANDING_STATES = ("paused", "pmsuspended", "stopped")
"""States in which a guest does not run: see guest-paused."""


def examine(snapshot: Snapshot) -> Judgement:
    """Every running domain with a balloon: does the driver answer, and follow its target?"""
    need = memory_need(snapshot)
    return over_domains(snapshot, lambda domain: _examine_domain(domain, need))


def _examine_domain(domain: DomainFacts, need: Need | Missing) -> Judgement:
    if clearance := no_balloon(domain):
        return clearance
    if domain.state in STANDING_STATES:
        return cleared("it is paused, so nothing in it can answer", "libvirt")
    if isinstance(domain.balloon_driver, Missing):
        return lacking(domain.balloon_driver)
    severity = Severity.INFO if isinstance(need, Missing) else need.severity()
    if domain.balloon_driver == "silent":
        return found(_silent(domain, severity))
    if (missed := _missed_target(domain)) is not None:
        return found(_off_target(domain, missed, severity))
    return _judge_statistics(domain)


def _silent(domain: DomainFacts, severity: Severity) -> Finding:
    """A guest that still boots looks the same, so this is never more than likely."""
    return finding(
        ID,
        domain_subject(domain),
        severity,
        LIKELY,
        summary=f"{domain.name} has a balloon, and no driver in the guest ever answered",
        proof=[_silence(domain.guest)],
        remedies=REMEDIES,
    )


def _silence(guest: GuestStatistics | Missing) -> Because:
    if not isinstance(guest, Missing) and guest.last_update_at == 0:
        return because("last_update is 0: the guest has never reported", "libvirt")
    return because("the balloon device is there, and nothing answers behind it", "libvirt")


def _missed_target(domain: DomainFacts) -> int | None:
    balloon = balloon_of(domain)
    target = domain.balloon_target_bytes
    if isinstance(balloon, Missing) or isinstance(target, Missing):
        return None
    off = abs(balloon.actual_bytes - target)
    return off if off > max(INFLATED_BYTES, int(balloon.maximum_bytes * TARGET_SHARE)) else None


def _off_target(domain: DomainFacts, missed: int, severity: Severity) -> Finding:
    """It may still be moving: one reading cannot tell, so this is only possible."""
    text = f"actual is {human_bytes(missed)} off the target somebody set"
    return finding(
        ID,
        domain_subject(domain),
        severity,
        POSSIBLE,
        summary=f"the balloon of {domain.name} is {human_bytes(missed)} off its target",
        proof=[because(text, "libvirt")],
        remedies=REMEDIES,
    )


def _judge_statistics(domain: DomainFacts) -> Judgement:
    guest = domain.guest
    if isinstance(guest, Missing):
        return lacking(guest)
    if guest.is_fresh:
        return cleared("the balloon driver answers", "libvirt")
    if not guest.period_s:
        return cleared(
            "the balloon driver has answered; nobody asks it for statistics (no period is set)", "libvirt"
        )
    return found(_stale(domain, guest))


def _stale(domain: DomainFacts, guest: GuestStatistics) -> Finding:
    age = "of unknown age" if guest.age_s is None else f"{human_seconds(guest.age_s)} old"
    text = f"statistics are {age}, asked for every {guest.period_s} s"
    return finding(
        ID,
        domain_subject(domain),
        Severity.INFO,
        LIKELY,
        summary=f"{domain.name}'s balloon driver answered once and reports no more: what is shown of the "
        "guest is old",
        proof=[because(text, "libvirt")],
        remedies=(),
    )


CAUSE = Cause(
    id=ID,
    title="The guest's balloon driver does not answer",
    is_essential=False,
    judged="living",
    examine=examine,
)
