"""memory-fragmented after a failure: memory was free, and not in one block as large as was asked for.

An OOM kill proves it only for orders 1 to 3 with a zone above its high watermark and no usable block; above
order 3 the request fails and nobody is killed: a vCPU or a guest cannot be created. Both indices of
mm/vmstat.c are cited.
"""

from __future__ import annotations

from collections.abc import Iterator

from kvmedic.diagnose.post_mortem.actors import (
    is_qemu,
    qemu_subject,
    task_words,
    victim_subject,
    victim_words,
)
from kvmedic.diagnose.post_mortem.oom_kinds import any_ooms, ooms_of, supply_for
from kvmedic.diagnose.post_mortem.oom_proof import oom_lines
from kvmedic.diagnose.post_mortem.refusals import is_harmless, refusal_kind, refusals
from kvmedic.diagnose.post_mortem.refusals import supply_for as supply_of_failure
from kvmedic.diagnose.post_mortem.said import (
    FAIR,
    LIKELY,
    POSSIBLE,
    SURE,
    absent,
    explained,
    of_kind,
    proof,
)
from kvmedic.diagnose.post_mortem.zones import Supply, fragmentation_index, unusable_index, zone_name
from kvmedic.diagnose.verdicts import because, found
from kvmedic.model.case import Case, Happening
from kvmedic.model.finding import Because, Finding, Judgement, Severity, Subject
from kvmedic.model.log_event import OomReport, PageAllocationFailure, QemuEvent, SlubFailure
from kvmedic.model.subjects import HOST
from kvmedic.units import human_bytes

ID = "memory-fragmented"
REMEDIES = ("compact-memory", "tune-host", "migrate-domain", "evacuate-host", "reboot-host")
VCPU_FAILURES = ("kvm-create-vcpu", "kvm-create-vm")


def explain(case: Case) -> Judgement:
    """Kills of order 1 to 3, then refused requests, then starts that failed for a vCPU."""
    ooms = ooms_of(case, "fragmented")
    if ooms:
        return found(_killed(*ooms[-1]))
    failures = refusals(case, "fragmented")
    if failures:
        return found(_refused(case, *failures[-1]))
    start = _failed_start(case)
    if start is not None and any(True for _ in of_kind(case.scene, SlubFailure)):
        return found(_no_vcpu(case, *start, LIKELY))
    if start is not None:
        return found(_no_vcpu(case, *start, POSSIBLE))
    weak = refusals(case, "unclear")
    if weak:
        return found(_refused(case, *weak[-1]))
    slubs = [pair for pair in of_kind(case.scene, SlubFailure) if _is_of_high_order(pair[1])]
    return found(_slab(*slubs[-1])) if slubs else _cleared(case)


def _is_of_high_order(failure: SlubFailure) -> bool:
    return failure.memcg_cache is None and (failure.min_order or 0) >= 1


def _slab(happening: Happening, failure: SlubFailure) -> Finding:
    order = failure.min_order or 0
    return explained(
        ID,
        HOST,
        POSSIBLE + 0.1,
        summary=f"the slab cache {failure.cache} needs blocks of order {order} and got none",
        lines=[proof(happening, f"at least order {order} is needed", "order")],
        severity=Severity.WARNING,
        remedies=REMEDIES,
    )


def _killed(happening: Happening, report: OomReport) -> Finding:
    order = report.order or 0
    return explained(
        ID,
        victim_subject(happening, report),
        SURE,
        summary=f"the kernel killed {victim_words(happening, report)} because no free block of "
        f"{human_bytes(4096 << order)} was left, though memory was free",
        lines=(*oom_lines(happening, report), *_indices(supply_for(report), order, happening)),
        remedies=REMEDIES,
    )


def _refused(case: Case, happening: Happening, failure: PageAllocationFailure) -> Finding:
    if failure.order is None:
        return _waits_without_end(happening, failure)
    order = failure.order
    start = _failed_start(case)
    who = task_words(failure.requester)
    return explained(
        ID,
        HOST if start is None else qemu_subject(*start),
        _confidence(failure, has_start=start is not None),
        summary=f"{who} asked for a block of {human_bytes(4096 << order)} (order {order}) and none was free; "
        f"memory was fragmented, and {who} is not to blame",
        lines=(
            proof(
                happening, f"order {order}: refused, and nobody was killed for it", "page allocation failure"
            ),
            *_indices(supply_of_failure(failure), order, happening),
            *(() if start is None else (proof(start[0], "so the guest could not start"),)),
        ),
        severity=_severity(failure, has_start=start is not None),
        remedies=REMEDIES,
    )


def _waits_without_end(happening: Happening, failure: PageAllocationFailure) -> Finding:
    """XFS before 5.16 asks for contiguous memory until it gets it, and does not tell how much it wants."""
    who = task_words(failure.requester)
    return explained(
        ID,
        HOST,
        FAIR,
        summary=f"{who} asks for contiguous memory on and on and gets none: memory is fragmented or short",
        lines=[proof(happening, "it was refused a hundred times, and asks on; what waits for it hangs")],
        remedies=REMEDIES,
    )


def _confidence(failure: PageAllocationFailure, *, has_start: bool) -> float:
    supply = supply_of_failure(failure)
    if refusal_kind(failure) == "unclear":
        return FAIR if has_start else POSSIBLE
    if supply is None:
        return LIKELY if has_start else FAIR
    return SURE if supply.roomy and supply.blocks == 0 else LIKELY


def _severity(failure: PageAllocationFailure, *, has_start: bool) -> Severity:
    """Critical where a guest was refused; information where the request may fail by design."""
    if has_start or is_qemu(task_words(failure.requester)):
        return Severity.CRITICAL
    return Severity.INFO if is_harmless(failure) else Severity.WARNING


def _failed_start(case: Case) -> tuple[Happening, QemuEvent] | None:
    return next(
        (
            (happening, event)
            for happening, event in of_kind(case.scene, QemuEvent)
            if event.kind == "start-failed" and event.failure in VCPU_FAILURES and event.errno in (None, 12)
        ),
        None,
    )


def _no_vcpu(case: Case, happening: Happening, event: QemuEvent, confidence: float) -> Finding:
    slubs = [proof(slub, "a slab cache could not grow") for slub, _ in of_kind(case.scene, SlubFailure)]
    subject: Subject = qemu_subject(happening, event)
    return explained(
        ID,
        subject,
        confidence,
        summary="KVM could not allocate a vCPU or a virtual machine: it needs a contiguous block of memory",
        lines=(proof(happening, "ENOMEM from KVM: a kernel object of high order"), *slubs),
        remedies=REMEDIES,
    )


def _indices(supply: Supply | None, order: int, happening: Happening) -> Iterator[Because]:
    """What was free, in which blocks, and both indices for this order."""
    if supply is None or supply.best is None:
        return
    zone, source = supply.best, happening.event.lines[0].source
    high = "" if zone.high_bytes is None else f", above its high watermark of {human_bytes(zone.high_bytes)}"
    yield because(
        f"{zone_name(zone)}: {human_bytes(zone.free_bytes or 0)} free{high if supply.roomy else ''}", source
    )
    unusable, index = unusable_index(zone, order), fragmentation_index(zone, order)
    if unusable is not None:
        told = "" if index is None else f", fragmentation index {index:.3f} (1 is fragmented)"
        yield because(f"{unusable:.1%} of it is useless to order {order}{told}", source)


def _cleared(case: Case) -> Judgement:
    for happening, report in any_ooms(case):
        if report.order == 0:
            text = f"order 0 was wanted: a single page needs no contiguous memory{_free_words(report)}"
            return Judgement(refuted=(proof(happening, text, "invoked oom-killer"),))
    return absent(case, "no request of a high order was refused")


def _free_words(report: OomReport) -> str:
    if report.mem_info is None:
        return ""
    free = sum(zone.free_bytes or 0 for zone in report.mem_info.zones)
    return f"; {human_bytes(free)} were free in all" if free else ""
