"""balloon-stranded-memory: the guest gave memory up, QEMU's RSS fell, and the host got nothing.

QEMU discards 4 KiB pages; the kernel unmaps them from the huge page and keeps the huge page whole until
reclaim splits it (mm/memory.c zap_pmd_range, mm/huge_memory.c deferred_split_scan). What is allocated to the
domain's folios and mapped by nobody is stranded.
"""

from __future__ import annotations

from kvmedic.diagnose.need import Need, memory_need
from kvmedic.diagnose.verdicts import (
    LIKELY,
    PROVEN,
    because,
    cleared,
    domain_subject,
    finding,
    found,
    joined,
    lacking,
)
from kvmedic.model.domain import DomainFacts, StrandedReading
from kvmedic.model.finding import Because, Cause, Judgement
from kvmedic.model.gap import Missing
from kvmedic.model.snapshot import Snapshot
from kvmedic.units import MIB, human_bytes

ID = "balloon-stranded-memory"
REMEDIES = ("release-stranded-memory", "tune-host", "enable-free-page-reporting", "disable-balloon")
SMALLEST_BYTES = 32 * MIB
"""Less than this helps nobody, and lies near the floor of the accounting."""


def examine(snapshot: Snapshot) -> Judgement:
    """Every running domain by its best reading; without any reading the cause is undetermined."""
    if isinstance(snapshot.domains, Missing):
        return lacking(snapshot.domains)
    if not snapshot.running:
        return cleared("no domain is running", "kvmedic/process/kinds")
    need = memory_need(snapshot)
    return joined(_examine_domain(domain, need) for domain in snapshot.running)


def _examine_domain(domain: DomainFacts, need: Need | Missing) -> Judgement:
    reading = domain.stranded_best
    if reading is None:
        return lacking(domain.stranded_gap or f"stranded memory of {domain.name}: no method could be used")
    if reading.bytes - reading.error_bytes < SMALLEST_BYTES:
        shown = f"{human_bytes(reading.bytes)} ± {human_bytes(reading.error_bytes)}"
        return cleared(f"{domain.name}: {shown} stranded by {reading.method}", reading.method)
    if isinstance(need, Missing):
        return lacking(need)
    return found(
        finding(
            ID,
            domain_subject(domain),
            need.severity(),
            PROVEN if reading.method == "page-map" or len(domain.stranded) > 1 else LIKELY,
            summary=_summary(domain, reading),
            proof=(*_proof(domain), need.reason),
            remedies=REMEDIES,
        )
    )


def _summary(domain: DomainFacts, reading: StrandedReading) -> str:
    given_up = _given_up(domain)
    amount = human_bytes(reading.bytes)
    if given_up is None or given_up < reading.bytes:
        return f"{amount} of {domain.name}'s memory is allocated and mapped by nobody"
    return f"the balloon took {human_bytes(given_up)} from {domain.name}, and the host did not get {amount} of it back"


def _given_up(domain: DomainFacts) -> int | None:
    if isinstance(domain.memory_max_bytes, Missing) or isinstance(domain.balloon_actual_bytes, Missing):
        return None
    return domain.memory_max_bytes - domain.balloon_actual_bytes


def _proof(domain: DomainFacts) -> list[Because]:
    lines = []
    if not isinstance(domain.balloon_actual_bytes, Missing) and not isinstance(domain.memory_max_bytes, Missing):
        actual, maximum = human_bytes(domain.balloon_actual_bytes), human_bytes(domain.memory_max_bytes)
        lines.append(because(f"actual {actual}, maximum {maximum}", "libvirt"))
    if not isinstance(domain.rss_bytes, Missing):
        lines.append(because(f"RSS {human_bytes(domain.rss_bytes)}", f"proc/{domain.pid}/status"))
    for reading in domain.stranded:
        blocks = "" if reading.blocks is None else f" in {reading.blocks:,} huge pages partly mapped"
        error = f" ± {human_bytes(reading.error_bytes)}" if reading.error_bytes else ""
        text = f"{human_bytes(reading.bytes)}{error} allocated and mapped by nobody{blocks}"
        lines.append(because(text, reading.method))
    return lines


CAUSE = Cause(
    id=ID,
    title="The balloon took memory and the host did not get it back",
    is_essential=True,
    examine=examine,
)
