"""thp-compaction-stall: page faults for huge pages stop to compact memory, and guests stand still meanwhile.

QEMU asks for huge pages with madvise, and a fault of a madvised range compacts directly (mm/huge_memory.c,
vma_thp_gfp_mask). It never kills: it costs time, and then small pages are taken.
"""

from __future__ import annotations

from kvmedic.diagnose.fragmentation import compaction_line
from kvmedic.diagnose.readings import VMSTAT, is_waiting, per_second, pressure_lines
from kvmedic.diagnose.verdicts import LIKELY, POSSIBLE, because, cleared, finding, found, lacking
from kvmedic.model.finding import Because, Cause, Judgement, Severity
from kvmedic.model.gap import Missing
from kvmedic.model.snapshot import Snapshot
from kvmedic.model.subjects import HOST

ID = "thp-compaction-stall"
REMEDIES = ("compact-memory", "tune-host")
STALLS_PER_SECOND = 10.0
"""One direct compaction takes 1 to 100 ms: ten a second are a noticeable part of every second."""
FAULTS_PER_SECOND = 1.0
"""Without huge page faults in the same interval the compactions have another requester."""


def examine(snapshot: Snapshot) -> Judgement:
    """Growth of compact_stall together with huge page faults; pressure only says how much it hurts."""
    thp = snapshot.memory.thp
    if not isinstance(thp, Missing) and thp.settings.get("enabled") == "never":
        return cleared("transparent huge pages are off", "sys/kernel/mm/transparent_hugepage/enabled")
    stalls = per_second(snapshot, "compact_stall")
    faults = per_second(snapshot, "thp_fault_alloc", "thp_fault_fallback")
    if isinstance(stalls, Missing):
        return lacking(stalls)
    if isinstance(faults, Missing):
        return lacking(faults)
    if stalls < STALLS_PER_SECOND:
        return cleared(f"{stalls:.1f} direct compactions a second", VMSTAT)
    if faults < FAULTS_PER_SECOND:
        return cleared(
            f"{stalls:.0f} direct compactions a second, and no huge page faults to cause them", VMSTAT
        )
    return _present(snapshot, stalls, faults)


def _present(snapshot: Snapshot, stalls: float, faults: float) -> Judgement:
    waits = is_waiting(snapshot.memory.pressure_memory)
    lines: list[Because] = [
        because(f"{stalls:.0f} direct compactions, {faults:.0f} huge page faults a second", VMSTAT)
    ]
    line = compaction_line(snapshot)
    if line is not None:
        lines.append(line)
    return found(
        finding(
            ID,
            HOST,
            Severity.WARNING if waits else Severity.INFO,
            LIKELY if waits else POSSIBLE,
            summary=f"page faults for huge pages stop to compact memory, {stalls:.0f} times a second",
            proof=(*lines, *pressure_lines(snapshot.memory.pressure_memory, "memory")),
            remedies=REMEDIES,
        )
    )


CAUSE = Cause(
    id=ID,
    title="Faults for huge pages stall in compaction",
    is_essential=False,
    judged="both",
    examine=examine,
)
