"""hardware-memory-error: the memory controllers or the kernel have counted errors of the hardware.

EDAC counts since boot: a total, never a rate, and not dated. Corrected errors did no harm, and some are
benign (Intel's erratum HSW131 makes them when guests run); an uncorrected one, or a page given up, is real
damage.
"""

from __future__ import annotations

from collections.abc import Mapping

from kvmedic.diagnose.verdicts import LIKELY, POSSIBLE, PROVEN, because, finding, lacking
from kvmedic.model.finding import Because, Cause, Finding, Judgement, Severity
from kvmedic.model.gap import Missing
from kvmedic.model.snapshot import Snapshot
from kvmedic.model.subjects import HOST
from kvmedic.units import human_bytes, human_seconds

ID = "hardware-memory-error"
REMEDIES = ("evacuate-host",)
EDAC = "sys/devices/system/edac/mc"
_CONTROLLER_DEPTH = 1
"""Counts directly below a controller ("mc0/ce_count") are sums; those of ranks and channels repeat them."""


def examine(snapshot: Snapshot) -> Judgement:
    """EDAC's uncorrected and corrected errors, and the pages the kernel has given up."""
    findings = []
    damaged = _given_up_bytes(snapshot)
    if damaged:
        findings.append(_pages_lost(damaged))
    counts = snapshot.host.memory_errors
    if isinstance(counts, Missing):
        return Judgement(findings=tuple(findings), lacking=(str(counts),))
    uncorrected, corrected = _sum_of(counts, "ue"), _sum_of(counts, "ce")
    if uncorrected:
        findings.append(_uncorrected(snapshot, uncorrected))
    if corrected:
        findings.append(_corrected(snapshot, corrected))
    if findings:
        return Judgement(findings=tuple(findings))
    if not counts:
        return lacking(f"{EDAC}: no memory controller reports errors here")
    return Judgement(refuted=(because("no corrected and no uncorrected memory error since boot", EDAC),))


def _given_up_bytes(snapshot: Snapshot) -> int:
    meminfo = snapshot.memory.meminfo
    return 0 if isinstance(meminfo, Missing) else meminfo.get("HardwareCorrupted") or 0


def _sum_of(counts: Mapping[str, int], kind: str) -> int:
    """All errors of a kind; the controllers' own sums where they exist, each with those it could not
    place.
    """
    sums = [
        n
        for name, n in counts.items()
        if name.count("/") <= _CONTROLLER_DEPTH and name.endswith(f"{kind}_count")
    ]
    if sums:
        return sum(sums)
    return sum(count for name, count in counts.items() if name.endswith(f"{kind}_count"))


def _since_boot(snapshot: Snapshot) -> str:
    uptime = snapshot.host.uptime_s
    return "since boot" if isinstance(uptime, Missing) else f"since boot, {human_seconds(uptime)} ago"


def _pages_lost(damaged: int) -> Finding:
    proof: list[Because] = [because(f"HardwareCorrupted {human_bytes(damaged)}", "proc/meminfo")]
    return finding(
        ID,
        HOST,
        Severity.WARNING,
        PROVEN,
        summary=f"the kernel has given up {human_bytes(damaged)} of damaged memory",
        proof=proof,
        remedies=REMEDIES,
    )


def _uncorrected(snapshot: Snapshot, count: int) -> Finding:
    when = _since_boot(snapshot)
    return finding(
        ID,
        HOST,
        Severity.WARNING,
        LIKELY,
        summary=f"{count:,} uncorrected memory errors {when}; the count does not say when",
        proof=[because(f"{count:,} uncorrected errors {when} (a total)", EDAC)],
        remedies=REMEDIES,
    )


def _corrected(snapshot: Snapshot, count: int) -> Finding:
    when = _since_boot(snapshot)
    return finding(
        ID,
        HOST,
        Severity.INFO,
        POSSIBLE,
        summary=f"{count:,} corrected memory errors {when}: no harm was done; the logs tell whether they "
        "go on",
        proof=[because(f"{count:,} corrected errors {when} (a total; may be old, may be benign)", EDAC)],
        remedies=(),
    )


CAUSE = Cause(
    id=ID,
    title="The hardware reports memory errors",
    is_essential=False,
    judged="both",
    examine=examine,
)
