"""host-memory-exhausted: the host has next to no memory left, and requests for it are stalling.

mm/page_alloc.c: below the min watermark a request reclaims itself (allocstall); when that fails the kernel
kills. Stalls alone are no proof (file cache, cgroups), nor is little memory alone: both together are.
"""

from __future__ import annotations

from kvmedic.diagnose.need import Need, memory_need
from kvmedic.diagnose.readings import (
    VMSTAT,
    direct_reclaims_per_second,
    is_waiting,
    per_second,
    pressure_lines,
)
from kvmedic.diagnose.verdicts import LIKELY, PROVEN, because, cleared, finding, lacking
from kvmedic.model.finding import Because, Cause, Finding, Judgement, Severity
from kvmedic.model.gap import Missing
from kvmedic.model.snapshot import Snapshot
from kvmedic.model.subjects import HOST
from kvmedic.units import GIB, human_bytes

ID = "host-memory-exhausted"
REMEDIES = ("release-stranded-memory", "migrate-domain", "evacuate-host")
EXHAUSTED_SHARE = 0.03
"""MemAvailable is an estimate; under 3 % of the total it is within its own error of nothing."""
EXHAUSTED_BYTES_CAP = 4 * GIB
"""On large hosts 3 % is still room: with more than this available nothing is exhausted."""
STALLS_PER_SECOND = 1.0
"""Direct reclaims of a host that is not short are rare; one a second, sustained over the interval, are
not."""


def examine(snapshot: Snapshot) -> Judgement:
    """MemAvailable first; only where that is tiny do stalls decide how bad it is."""
    need = memory_need(snapshot)
    if isinstance(need, Missing):
        return lacking(need)
    if need.available_bytes >= exhausted_below_bytes(need.total_bytes):
        return cleared(need.reason.text, need.reason.source)
    stalls = direct_reclaims_per_second(snapshot)
    gaps = (stalls,) if isinstance(stalls, Missing) else ()
    return Judgement(findings=(_present(snapshot, need, stalls),), lacking=tuple(str(gap) for gap in gaps))


def exhausted_below_bytes(total_bytes: int) -> int:
    """Available memory below which a host of ``total_bytes`` has next to nothing left."""
    return min(int(total_bytes * EXHAUSTED_SHARE), EXHAUSTED_BYTES_CAP)


def _present(snapshot: Snapshot, need: Need, stalls: float | Missing) -> Finding:
    is_stalling = not isinstance(stalls, Missing) and stalls >= STALLS_PER_SECOND
    both = is_stalling and is_waiting(snapshot.memory.pressure_memory)
    now = "and requests for memory stall" if is_stalling else "and nothing is seen to stall yet"
    return finding(
        ID,
        HOST,
        Severity.CRITICAL if is_stalling else Severity.WARNING,
        PROVEN if both else LIKELY,
        summary=f"only {human_bytes(need.available_bytes)} are available on the host, {now}",
        proof=(need.reason, *_stall_lines(snapshot, stalls)),
        remedies=REMEDIES,
    )


def _stall_lines(snapshot: Snapshot, stalls: float | Missing) -> list[Because]:
    lines = []
    if not isinstance(stalls, Missing):
        lines.append(because(f"{stalls:.1f} requests a second had to reclaim memory themselves", VMSTAT))
    kills = per_second(snapshot, "oom_kill")
    if not isinstance(kills, Missing) and kills > 0:
        lines.append(
            because("the kernel killed for memory between the two readings (cgroups included)", VMSTAT)
        )
    return [*lines, *pressure_lines(snapshot.memory.pressure_memory, "memory")]


CAUSE = Cause(
    id=ID,
    title="The host has run out of memory",
    is_essential=True,
    judged="both",
    examine=examine,
)
