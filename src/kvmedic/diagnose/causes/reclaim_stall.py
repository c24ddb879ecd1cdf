"""reclaim-stall: tasks of this host stop and reclaim memory themselves, because kswapd does not keep up.

Pressure says only that tasks wait: page cache read again, compaction and cgroup limits raise it too. What
names this cause is the growth of allocstall (mm/vmscan.c, try_to_free_pages; the host's own, not that of
cgroups).
"""

from __future__ import annotations

from kvmedic.diagnose.readings import (
    VMSTAT,
    direct_reclaims_per_second,
    full_percent,
    is_waiting,
    per_second,
    pressure_lines,
)
from kvmedic.diagnose.verdicts import LIKELY, POSSIBLE, because, cleared, finding, found, lacking
from kvmedic.model.finding import Because, Cause, Judgement, Severity
from kvmedic.model.gap import Missing
from kvmedic.model.snapshot import Snapshot
from kvmedic.model.subjects import HOST

ID = "reclaim-stall"
REMEDIES = ("tune-host", "release-stranded-memory", "migrate-domain")
STALLS_PER_SECOND = 10.0
"""A few direct reclaims a second are a burst that kswapd ends; ten and more mean that it is behind."""
ALL_WAITING_PERCENT = 10.0
"""All tasks at once waiting for memory a tenth of the time: guests visibly stand still."""


def examine(snapshot: Snapshot) -> Judgement:
    """Growth of allocstall; pressure only says how much it hurts."""
    stalls = direct_reclaims_per_second(snapshot)
    if isinstance(stalls, Missing):
        return lacking(stalls)
    if stalls < STALLS_PER_SECOND:
        return cleared(f"{stalls:.1f} requests a second reclaim memory themselves", VMSTAT)
    waits = is_waiting(snapshot.memory.pressure_memory)
    all_wait = (full_percent(snapshot.memory.pressure_memory) or 0.0) >= ALL_WAITING_PERCENT
    return found(
        finding(
            ID,
            HOST,
            Severity.CRITICAL if all_wait else Severity.WARNING if waits else Severity.INFO,
            LIKELY if waits else POSSIBLE,
            summary=f"{stalls:.0f} requests a second stop to reclaim memory before they get any",
            proof=_proof(snapshot, stalls),
            remedies=REMEDIES,
        )
    )


def _proof(snapshot: Snapshot, stalls: float) -> list[Because]:
    lines = [because(f"allocstall grows by {stalls:.0f} a second", VMSTAT)]
    scanned, taken = per_second(snapshot, "pgscan_direct"), per_second(snapshot, "pgsteal_direct")
    if not isinstance(scanned, Missing) and not isinstance(taken, Missing) and scanned > 0:
        lines.append(
            because(f"{taken / scanned:.0%} of {scanned:.0f} pages looked at a second could be taken", VMSTAT)
        )
    return [*lines, *pressure_lines(snapshot.memory.pressure_memory, "memory")]


CAUSE = Cause(
    id=ID,
    title="Requests for memory stall in reclaim",
    is_essential=False,
    judged="both",
    examine=examine,
)
