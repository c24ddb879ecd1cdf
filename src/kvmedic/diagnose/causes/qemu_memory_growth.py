"""qemu-memory-growth: a QEMU process holds well more memory than its guest may have.

QEMU needs memory of its own: page tables, video memory, librbd and disk caches, rings. The allowance is
wide, so that only what no ordinary configuration explains is told; one reading does not show whether it
still grows.
"""

from __future__ import annotations

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
from kvmedic.model.domain import DomainFacts
from kvmedic.model.finding import Because, Cause, Judgement
from kvmedic.model.gap import Missing
from kvmedic.model.snapshot import Snapshot
from kvmedic.model.subjects import domain_subject
from kvmedic.units import GIB, human_bytes

ID = "qemu-memory-growth"
REMEDIES = ("migrate-domain",)
ALLOWED_BYTES = 1 * GIB
"""librbd caches, video memory and threads of a large but ordinary machine."""
TRANSLATED_BYTES = 1 * GIB
"""More of it for a guest that TCG runs: the code that it has translated (accel/tcg, tb-size)."""
ALLOWED_SHARE = 0.12
"""Guests of 8 GiB whose QEMU held 8.9 GiB were found to be in order (besthub.dev, 360 cloud)."""
PLAIN_SHARE = 0.5
"""Half of the guest's maximum on top of it has no ordinary explanation."""


def examine(snapshot: Snapshot) -> Judgement:
    """Every running domain: resident and swapped memory against maximum plus what QEMU may need."""
    need = memory_need(snapshot)
    return over_domains(snapshot, lambda domain: _examine_domain(domain, need))


def _examine_domain(domain: DomainFacts, need: Need | Missing) -> Judgement:
    maximum, rss = domain.memory_max_bytes, domain.rss_bytes
    if isinstance(maximum, Missing):
        return lacking(maximum)
    if isinstance(rss, Missing):
        return lacking(rss)
    held = rss + _swapped(domain)
    guest = 0 if domain.backing == "hugetlb" else maximum
    over = held - guest
    if over <= _allowed(domain, maximum):
        return cleared("QEMU holds no more than its guest may have and it needs itself", "proc/PID/status")
    if isinstance(need, Missing):
        return lacking(need)
    return _present(domain, held, over, maximum, need)


def _allowed(domain: DomainFacts, maximum: int) -> int:
    translated = TRANSLATED_BYTES if domain.is_emulated is True else 0
    return max(ALLOWED_BYTES, int(maximum * ALLOWED_SHARE)) + translated


def _swapped(domain: DomainFacts) -> int:
    """Swapped memory of the process; 0 where it is not known, which can only clear too early by what is in
    swap.
    """
    if isinstance(domain.process, Missing) or isinstance(domain.process.swap_bytes, Missing):
        return 0
    return domain.process.swap_bytes


def _present(domain: DomainFacts, held: int, over: int, maximum: int, need: Need) -> Judgement:
    text = f"{human_bytes(held)} held (RSS and swap), the guest's maximum is {human_bytes(maximum)}"
    return found(
        finding(
            ID,
            domain_subject(domain),
            need.severity(),
            LIKELY if over >= max(maximum * PLAIN_SHARE, 2 * ALLOWED_BYTES) else POSSIBLE,
            summary=f"{domain.name}'s QEMU holds {human_bytes(over)} more than its guest may have",
            proof=[because(text, f"proc/{domain.pid}/status"), *_hugetlb(domain), need.reason],
            remedies=REMEDIES,
        )
    )


def _hugetlb(domain: DomainFacts) -> tuple[Because, ...]:
    if domain.backing != "hugetlb":
        return ()
    return (because("the guest's own memory is on hugetlb and not counted in RSS", "libvirt"),)


CAUSE = Cause(
    id=ID,
    title="A QEMU process holds more than its guest may have",
    is_essential=False,
    judged="both",
    examine=examine,
)
