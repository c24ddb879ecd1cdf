"""memory-fragmented: memory is free, and not in blocks as large as this host asks for.

Judged for the orders this host demands, from free blocks and the kernel's own indices (mm/vmstat.c,
fill_contig_page_info). Never from pressure, which says that tasks wait and not why, and never from totals
since boot, which are no rates. Order 0 never fails of fragmentation.
"""

from __future__ import annotations

from collections.abc import Sequence

from kvmedic.diagnose.fragmentation import (
    ASSUMED_VCPU,
    FEW_BLOCKS,
    Blocks,
    blocks_of_order,
    compaction_line,
    failing_share,
    is_kernel_demand,
)
from kvmedic.diagnose.readings import kernel_zones
from kvmedic.diagnose.verdicts import LIKELY, PROVEN, because, cleared, finding, found, joined, lacking
from kvmedic.model.finding import Because, Cause, Judgement, Severity
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.snapshot import Snapshot
from kvmedic.model.subjects import zone_subject
from kvmedic.model.zone_facts import DemandedOrder, ZoneFacts
from kvmedic.units import human_bytes

ID = "memory-fragmented"
REMEDIES = ("compact-memory", "migrate-domain", "tune-host", "evacuate-host", "reboot-host")
FRAGMENTED_INDEX = 0.5
"""vm.extfrag_threshold is 500: above it the kernel itself calls a failure fragmentation, below it lack of
memory."""
UNUSABLE_INDEX = 0.9
"""Few blocks are a matter of fragmentation only where at least 90 % of free memory is in smaller ones."""
FEW_LEFT = 0.6
"""Confidence while some blocks are left: likely, since the next request may still make the kernel
replenish them."""
FAILING_SHARE = 0.5
"""More than half of the compactions fail: memory cannot be moved together as fast as it is asked for."""


def examine(snapshot: Snapshot) -> Judgement:
    """Each demanded order against the free blocks of the zones that can serve it."""
    zones = snapshot.memory.zones
    if isinstance(zones, Missing):
        return lacking(zones)
    demands = [demand for demand in snapshot.memory.demanded_orders if demand.order > 0]
    judged = [_judge(snapshot, zones, demand) for demand in demands]
    if _may_hide_vcpu(snapshot):
        judged.append(_judge_assumed(snapshot, zones))
    if not judged:
        return cleared("nothing here asks for blocks larger than a page", "sys/kernel/slab/kvm_vcpu")
    return joined(judged)


def _may_hide_vcpu(snapshot: Snapshot) -> bool:
    """The order of a vCPU was not told, and not because KVM is absent."""
    slab = snapshot.memory.kvm_vcpu_slab
    return isinstance(slab, Missing) and slab.reason is not Reason.NOT_FOUND


def _judge_assumed(snapshot: Snapshot, zones: tuple[ZoneFacts, ...]) -> Judgement:
    """Plenty of the largest order measured clears whatever the true order is; less than that tells
    nothing.
    """
    judgement = _judge(snapshot, zones, ASSUMED_VCPU)
    slab = snapshot.memory.kvm_vcpu_slab
    return lacking(slab) if judgement.findings and isinstance(slab, Missing) else judgement


def _judge(snapshot: Snapshot, zones: tuple[ZoneFacts, ...], demand: DemandedOrder) -> Judgement:
    is_kernel = is_kernel_demand(demand)
    serving = kernel_zones(zones) if is_kernel else tuple(zone for zone in zones if zone.zone != "Device")
    blocks = blocks_of_order(serving, demand.order)
    if blocks is None:
        return cleared(f"this kernel has no blocks of order {demand.order}", "proc/buddyinfo")
    if blocks.count >= (FEW_BLOCKS if is_kernel else 1):
        text = f"{blocks.count:,} free blocks of order {demand.order} for {demand.user}"
        return cleared(text, "proc/buddyinfo")
    if blocks.is_short or not _is_fragmentation(blocks):
        return cleared(
            f"few blocks of order {demand.order}, for lack of memory and not of order", "proc/buddyinfo"
        )
    return _present(snapshot, demand, blocks, is_kernel=is_kernel)


def _is_fragmentation(blocks: Blocks) -> bool:
    if blocks.fragmentation_index is not None:
        return blocks.fragmentation_index > FRAGMENTED_INDEX
    return blocks.unusable_index >= UNUSABLE_INDEX


def _present(snapshot: Snapshot, demand: DemandedOrder, blocks: Blocks, *, is_kernel: bool) -> Judgement:
    failing = failing_share(snapshot)
    is_failing = failing is not None and failing > FAILING_SHARE
    size = human_bytes(snapshot.memory.page_size_bytes << demand.order)
    left = f"{blocks.count} left" if blocks.count else "none left"
    return found(
        finding(
            ID,
            zone_subject(blocks.best.node, blocks.best.zone),
            _severity(blocks, is_kernel=is_kernel, is_failing=is_failing),
            _confidence(blocks, is_failing=is_failing),
            summary=f"{demand.user} asks for free blocks of {size} (order {demand.order}): {left}",
            proof=_proof(snapshot, demand, blocks),
            remedies=REMEDIES,
        )
    )


def _severity(blocks: Blocks, *, is_kernel: bool, is_failing: bool) -> Severity:
    """Huge pages fall back to small ones: slow, and nothing fails. A kernel object has no such way out."""
    if not is_kernel:
        return Severity.INFO
    return Severity.CRITICAL if blocks.count == 0 and is_failing else Severity.WARNING


def _confidence(blocks: Blocks, *, is_failing: bool) -> float:
    """None left and compaction failing is proof; few left may be replenished when somebody asks."""
    if blocks.count == 0:
        return PROVEN if is_failing else LIKELY
    return LIKELY if is_failing else FEW_LEFT


def _proof(snapshot: Snapshot, demand: DemandedOrder, blocks: Blocks) -> Sequence[Because]:
    best = blocks.best
    counts = " ".join(str(count) for count in best.free_blocks)
    free = human_bytes(best.free_pages * snapshot.memory.page_size_bytes)
    lines = [
        because(
            f"node {best.node} zone {best.zone}: {free} free, in blocks by order {counts}", "proc/buddyinfo"
        ),
        because(f"{blocks.unusable_index:.0%} of it cannot serve order {demand.order}", "proc/buddyinfo"),
        because(f"without one: {demand.on_failure}", demand.source),
    ]
    if blocks.fragmentation_index is not None:
        text = f"fragmentation index {blocks.fragmentation_index:.2f} (0 lack of memory, 1 fragmentation)"
        lines.append(because(text, "proc/buddyinfo"))
    line = compaction_line(snapshot)
    return lines if line is None else [*lines, line]


CAUSE = Cause(
    id=ID,
    title="Memory is free, but not in blocks as large as this host needs",
    is_essential=True,
    judged="both",
    examine=examine,
)
