"""balloon-undone: khugepaged filled the holes of the balloon with new huge pages; nobody tells libvirt.

mm/khugepaged.c: with max_ptes_none 511 (the default) a block with one mapped page becomes a full huge page
again. Booting guests, librbd or SPICE heaps, hotplug and deflate-on-oom look alike, and the proof would
need two page maps while ``actual`` stands still: from one snapshot this is only possible. Likely it is where
khugepaged is seen at it: between the two readings this domain's own group got more huge pages than all faults
of the host made, its process grew, and ``actual`` stood still.
"""

from __future__ import annotations

from typing import NamedTuple

from kvmedic.diagnose.balloons import Balloon, balloon_of, no_balloon
from kvmedic.diagnose.need import Need, memory_need
from kvmedic.diagnose.readings import VMSTAT, per_second
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
from kvmedic.model.domain import DomainFacts, DomainGrowth
from kvmedic.model.finding import Because, Cause, Judgement
from kvmedic.model.gap import Missing
from kvmedic.model.snapshot import Snapshot
from kvmedic.model.subjects import domain_subject
from kvmedic.units import MIB, human_bytes

ID = "balloon-undone"
REMEDIES = ("tune-host", "release-stranded-memory", "disable-balloon")
OVERHEAD_BYTES = 256 * MIB
"""QEMU's own memory beside the guest's, in an ordinary machine without caches of its own."""
HUGE_BYTES = 2 * MIB
"""One huge page more in the domain's own group is khugepaged's smallest step."""
GROWN_BYTES = 1 * MIB
"""The process grows by the holes of a block, not by what was there; less than this is noise of QEMU's own."""
OVERHEAD_SHARE = 0.05
"""And it grows with the guest: page tables, dirty bitmaps, rings (8 GiB guests of 8.3 GiB are ordinary)."""


class Made(NamedTuple):
    """Huge pages that the host makes per second, by khugepaged and at faults."""

    collapsed: float | Missing
    faulted: float | Missing


def examine(snapshot: Snapshot) -> Judgement:
    """Every running domain: inflated, and resident memory well above what the guest still has?"""
    holes = _holes_allowed(snapshot)
    need = memory_need(snapshot)
    made = Made(
        collapsed=per_second(snapshot, "thp_collapse_alloc"), faulted=per_second(snapshot, "thp_fault_alloc")
    )
    return over_domains(snapshot, lambda domain: _examine_domain(domain, need, holes, made))


def _holes_allowed(snapshot: Snapshot) -> int | Missing:
    """How many absent pages khugepaged fills up in a block; 0 where it never does."""
    thp = snapshot.memory.thp
    if isinstance(thp, Missing):
        return thp
    if thp.settings.get("enabled") == "never":
        return 0
    text = thp.settings.get("khugepaged/max_ptes_none", "")
    return int(text) if text.isdigit() else 511


def _examine_domain(domain: DomainFacts, need: Need | Missing, holes: int | Missing, made: Made) -> Judgement:
    if clearance := no_balloon(domain):
        return clearance
    balloon = balloon_of(domain)
    if isinstance(balloon, Missing):
        return lacking(balloon)
    if not balloon.is_inflated:
        return cleared("the balloon is not inflated", "libvirt")
    if domain.backing == "hugetlb" or domain.discards_inhibited_by:
        return cleared("its pages never left the process, so nothing was filled again", "libvirt")
    if isinstance(domain.rss_bytes, Missing):
        return lacking(domain.rss_bytes)
    excess = domain.rss_bytes - balloon.actual_bytes - _overhead(balloon)
    if excess <= 0:
        return cleared(
            "resident memory is no more than the guest has and QEMU needs", f"proc/{domain.pid}/status"
        )
    if isinstance(holes, Missing):
        return lacking(holes)
    if holes == 0:
        return cleared("khugepaged fills no holes here", "sys/kernel/mm/transparent_hugepage")
    if isinstance(need, Missing):
        return lacking(need)
    return _suspect(
        domain, balloon, need, made, (*_proof(domain, domain.rss_bytes, holes, made), need.reason)
    )


def _overhead(balloon: Balloon) -> int:
    return max(OVERHEAD_BYTES, int(balloon.maximum_bytes * OVERHEAD_SHARE))


def _suspect(
    domain: DomainFacts, balloon: Balloon, need: Need, made: Made, proof: tuple[Because, ...]
) -> Judgement:
    is_seen = _is_seen_at_it(domain.growth, made)
    what = (
        "khugepaged is filling the holes of its balloon"
        if is_seen
        else "most of it may be back: khugepaged fills the holes of a balloon"
    )
    return found(
        finding(
            ID,
            domain_subject(domain),
            need.severity(),
            LIKELY if is_seen else POSSIBLE,
            summary=f"{domain.name} gave up {human_bytes(balloon.given_up_bytes)}, and {what}",
            proof=(balloon.reason, *proof),
            remedies=REMEDIES,
        )
    )


def _is_seen_at_it(growth: DomainGrowth | None, made: Made) -> bool:
    """Whether this domain's memory became huge pages that no fault explains, and grew by it."""
    if growth is None or growth.balloon_actual_bytes != 0:
        return False
    if isinstance(made.collapsed, Missing) or isinstance(made.faulted, Missing) or made.collapsed <= 0:
        return False
    by_faults = made.faulted * growth.interval_s * HUGE_BYTES
    return (growth.thp_bytes or 0) - by_faults >= HUGE_BYTES and (growth.rss_bytes or 0) >= GROWN_BYTES


def _proof(domain: DomainFacts, rss_bytes: int, holes: int, made: Made) -> list[Because]:
    setting = "sys/kernel/mm/transparent_hugepage/khugepaged/max_ptes_none"
    lines = [
        because(
            f"RSS {human_bytes(rss_bytes)}, more than the guest has and QEMU needs",
            f"proc/{domain.pid}/status",
        ),
        because(f"khugepaged fills blocks with up to {holes} pages absent", setting),
    ]
    if not isinstance(made.collapsed, Missing) and made.collapsed > 0:
        lines.append(because(f"khugepaged makes {made.collapsed:.1f} huge pages a second now", VMSTAT))
    return [*lines, *_growth_lines(domain.growth)]


def _growth_lines(growth: DomainGrowth | None) -> list[Because]:
    if growth is None or not growth.rss_bytes or growth.rss_bytes < GROWN_BYTES:
        return []
    still = " while actual stood still" if growth.balloon_actual_bytes == 0 else ""
    thp = growth.thp_bytes or 0
    huge = f", {human_bytes(thp)} more in huge pages" if thp > 0 else ""
    text = f"RSS grew by {human_bytes(growth.rss_bytes)} within {growth.interval_s:.0f} s{still}{huge}"
    return [because(text, "two readings")]


CAUSE = Cause(
    id=ID,
    title="khugepaged may have undone the balloon",
    is_essential=False,
    judged="living",
    examine=examine,
)
