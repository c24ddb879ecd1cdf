"""swap-thrashing: pages go out to swap and come back all the time, and tasks wait for them.

Used swap is not thrashing: pages that were swapped out once and never wanted again cost nothing. Only traffic
in both directions, with tasks waiting or evicted pages returning, is.
"""

from __future__ import annotations

from kvmedic.diagnose.readings import VMSTAT, full_percent, is_waiting, per_second, pressure_lines
from kvmedic.diagnose.verdicts import LIKELY, POSSIBLE, PROVEN, because, cleared, finding, found, lacking
from kvmedic.model.finding import Because, Cause, Judgement, Severity
from kvmedic.model.gap import Missing
from kvmedic.model.snapshot import Snapshot
from kvmedic.model.subjects import HOST
from kvmedic.units import human_bytes

ID = "swap-thrashing"
REMEDIES = ("release-stranded-memory", "migrate-domain", "evacuate-host")
PAGES_PER_SECOND = 100.0
"""A swap-in from disk takes 0.1 to 10 ms: at 100 a second some vCPU waits for a good part of every second."""
ALL_WAITING_PERCENT = 10.0
"""All tasks at once waiting for memory a tenth of the time: guests visibly stand still."""


def examine(snapshot: Snapshot) -> Judgement:
    """Growth of pswpin and pswpout, then refaults and pressure."""
    swaps = snapshot.memory.swaps
    if not isinstance(swaps, Missing) and not swaps:
        return cleared("there is no swap", "proc/swaps")
    pages_in, pages_out = per_second(snapshot, "pswpin"), per_second(snapshot, "pswpout")
    if isinstance(pages_in, Missing):
        return lacking(pages_in)
    if isinstance(pages_out, Missing):
        return lacking(pages_out)
    if min(pages_in, pages_out) < PAGES_PER_SECOND:
        return cleared(_at_rest(snapshot, pages_in, pages_out), VMSTAT)
    return _present(snapshot, pages_in, pages_out)


def _at_rest(snapshot: Snapshot, pages_in: float, pages_out: float) -> str:
    swaps = snapshot.memory.swaps
    used = (
        "" if isinstance(swaps, Missing) else f"{human_bytes(sum(swap.used_bytes for swap in swaps))} used, "
    )
    return f"{used}{pages_in:.0f} pages a second in, {pages_out:.0f} out"


def _present(snapshot: Snapshot, pages_in: float, pages_out: float) -> Judgement:
    refaults = per_second(snapshot, "workingset_refault_anon")
    returns = not isinstance(refaults, Missing) and refaults >= PAGES_PER_SECOND
    waits = is_waiting(snapshot.memory.pressure_memory)
    all_wait = (full_percent(snapshot.memory.pressure_memory) or 0.0) >= ALL_WAITING_PERCENT
    proof = [because(f"{pages_in:.0f} pages a second come in, {pages_out:.0f} go out", VMSTAT)]
    if returns:
        proof.append(because(f"{refaults:.0f} evicted pages a second are wanted again", VMSTAT))
    return found(
        finding(
            ID,
            HOST,
            _severity(all_wait=all_wait, counts=returns or waits),
            (PROVEN if returns and waits else LIKELY) if returns or waits else POSSIBLE,
            summary=f"the host swaps in both directions: {pages_in:.0f} pages a second in, "
            f"{pages_out:.0f} out",
            proof=(*proof, *_waiting(snapshot)),
            remedies=REMEDIES,
        )
    )


def _severity(*, all_wait: bool, counts: bool) -> Severity:
    if not counts:
        return Severity.INFO
    return Severity.CRITICAL if all_wait else Severity.WARNING


def _waiting(snapshot: Snapshot) -> tuple[Because, ...]:
    return pressure_lines(snapshot.memory.pressure_memory, "memory")


CAUSE = Cause(
    id=ID,
    title="The host swaps the same memory out and in",
    is_essential=False,
    judged="both",
    examine=examine,
)
