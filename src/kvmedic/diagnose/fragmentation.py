"""Free blocks of one order over the zones that can serve a demand, and how compaction fares now."""

from __future__ import annotations

from kvmedic.diagnose.readings import VMSTAT, per_second
from kvmedic.diagnose.verdicts import because
from kvmedic.model.finding import Because
from kvmedic.model.gap import Missing
from kvmedic.model.record import Record
from kvmedic.model.snapshot import Snapshot
from kvmedic.model.zone_facts import DemandedOrder, ZoneFacts

FEW_BLOCKS = 16
"""A guest of 16 vCPUs starts at once; with fewer blocks the next start may be the one that fails."""
HUGE_ORDER = 5
"""Kernel objects stay at order 4 and below (kvm_vcpu: 4 is the largest measured); from 5 on it is huge
pages."""
ASSUMED_VCPU = DemandedOrder(
    order=4,
    user="a new vCPU (kvm_vcpu, assumed)",
    on_failure="no vCPU can be created",
    source="sys/kernel/slab/kvm_vcpu/order",
)
"""The largest order of kvm_vcpu that was measured, for hosts that do not tell their own."""


class Blocks(Record, frozen=True, kw_only=True):
    """Free blocks of one order in several zones together; ``best`` is the zone that has the most to give.

    The indices are those of ``best`` for this order. ``is_short``: no zone may give even a single page.
    """

    count: int
    is_short: bool
    best: ZoneFacts
    unusable_index: float
    fragmentation_index: float | None


def blocks_of_order(zones: tuple[ZoneFacts, ...], order: int) -> Blocks | None:
    """The blocks of ``order`` in the zones that may give one now; None where no zone has such an order."""
    able = [zone for zone in zones if order < len(zone.blocks_at_least)]
    if not able:
        return None
    giving = [zone for zone in able if may_give(zone, order)]
    best = max(giving or able, key=lambda zone: (zone.blocks_at_least[order], zone.free_pages))
    return Blocks(
        count=sum(zone.blocks_at_least[order] for zone in giving),
        is_short=not giving,
        best=best,
        unusable_index=best.unusable_index[order],
        fragmentation_index=best.fragmentation_index[order],
    )


def may_give(zone: ZoneFacts, order: int) -> bool:
    """Whether the watermarks let an ordinary request of ``order`` take anything from this zone.

    mm/page_alloc.c, __zone_watermark_ok. A zone below Normal keeps a reserve against requests that Normal
    should serve: on large hosts more than all of DMA32. Without watermarks it gets the benefit of the doubt.
    """
    info = zone.zoneinfo
    if isinstance(info, Missing):
        return True
    reserve = 0 if zone.zone in ("Normal", "Movable") else max(info.protection_pages, default=0)
    return zone.free_pages - (1 << order) >= info.min_pages + reserve


def is_kernel_demand(demand: DemandedOrder) -> bool:
    """Whether the demand is for a kernel object, which movable zones cannot serve and nothing replaces."""
    return demand.order < HUGE_ORDER


def failing_share(snapshot: Snapshot) -> float | None:
    """The share of direct compactions that fail now; None where there are none, or no rates."""
    stalls, fails = per_second(snapshot, "compact_stall"), per_second(snapshot, "compact_fail")
    if isinstance(stalls, Missing) or isinstance(fails, Missing) or stalls <= 0:
        return None
    return min(fails / stalls, 1.0)


def compaction_line(snapshot: Snapshot) -> Because | None:
    """What direct compaction achieves now, as a sentence; None where it does not run or is not known."""
    share, stalls = failing_share(snapshot), per_second(snapshot, "compact_stall")
    if share is None or isinstance(stalls, Missing):
        return None
    return because(f"{share:.0%} of {stalls:.1f} direct compactions a second fail", VMSTAT)
