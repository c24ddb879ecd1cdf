"""balloon-ineffective: the guest gave memory up, and QEMU cannot hand it to the host.

hw/virtio/virtio-balloon.c: virtio_balloon_inhibited drops the pages of a guest silently while discards are
disabled (VFIO, vDPA, confidential guests), and a page on hugetlb is given back only when a whole host page
fills up within one request, which a Linux guest's requests of 1 MiB never do.
"""

from __future__ import annotations

from kvmedic.diagnose.balloons import Balloon, balloon_of, no_balloon
from kvmedic.diagnose.need import Need, memory_need
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
from kvmedic.model.domain import DomainFacts
from kvmedic.model.finding import Cause, Judgement
from kvmedic.model.gap import Missing
from kvmedic.model.snapshot import Snapshot
from kvmedic.model.subjects import domain_subject
from kvmedic.units import human_bytes

ID = "balloon-ineffective"
REMEDIES = ("deflate-balloon", "pin-memory", "disable-balloon")
NOTHING_CAME_SHARE = 0.95
"""Resident memory of at least this share of the maximum: the host has visibly got nothing."""


def examine(snapshot: Snapshot) -> Judgement:
    """Every running domain: inflated, and something keeps QEMU from discarding?"""
    need = memory_need(snapshot)
    return over_domains(snapshot, lambda domain: _examine_domain(domain, need))


def _examine_domain(domain: DomainFacts, need: Need | Missing) -> Judgement:
    if clearance := no_balloon(domain):
        return clearance
    balloon = balloon_of(domain)
    if isinstance(balloon, Missing):
        return lacking(balloon)
    if not balloon.is_inflated:
        return cleared(
            "the balloon is not inflated: nothing was given up that could fail to arrive", "libvirt"
        )
    inhibitors = _inhibitors(domain)
    if not inhibitors and isinstance(domain.backing, Missing):
        return lacking(domain.backing)
    if not inhibitors:
        return cleared("QEMU may discard what the guest gives up", "libvirt")
    if isinstance(need, Missing):
        return lacking(need)
    return _present(domain, balloon, inhibitors, need)


def _inhibitors(domain: DomainFacts) -> tuple[str, ...]:
    by_backing = ("hugetlb",) if domain.backing == "hugetlb" else ()
    return tuple(dict.fromkeys((*domain.discards_inhibited_by, *by_backing)))


def _present(domain: DomainFacts, balloon: Balloon, inhibitors: tuple[str, ...], need: Need) -> Judgement:
    words = ", ".join(inhibitors)
    held = _held_bytes(domain)
    proof = [balloon.reason, because(f"discards are off because of: {words}", "libvirt")]
    if held is not None:
        proof.append(because(f"its process still holds {human_bytes(held)}", f"proc/{domain.pid}/status"))
    amount = human_bytes(balloon.given_up_bytes)
    return found(
        finding(
            ID,
            domain_subject(domain),
            need.severity(),
            _confidence(balloon, held),
            summary=f"{domain.name}'s guest gave up {amount}, and {words} keeps QEMU from giving it to "
            "the host",
            proof=(*proof, need.reason),
            remedies=REMEDIES,
        )
    )


def _held_bytes(domain: DomainFacts) -> int | None:
    """Guest memory the process holds, on hugetlb or not; None where it is not known."""
    if isinstance(domain.rss_bytes, Missing):
        return None
    hugetlb = 0 if isinstance(domain.process, Missing) else domain.process.hugetlb_bytes
    return None if isinstance(hugetlb, Missing) else domain.rss_bytes + hugetlb


def _confidence(balloon: Balloon, held: int | None) -> float:
    """Held memory at the maximum proves it; held memory near actual speaks against it (or was never
    touched).
    """
    if held is None:
        return LIKELY
    if held >= balloon.maximum_bytes * NOTHING_CAME_SHARE:
        return PROVEN
    return LIKELY if held > balloon.actual_bytes + balloon.given_up_bytes // 2 else POSSIBLE


CAUSE = Cause(
    id=ID,
    title="The guest gave memory up, and QEMU cannot give it to the host",
    is_essential=False,
    judged="living",
    examine=examine,
)
