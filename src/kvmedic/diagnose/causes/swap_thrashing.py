"""swap-thrashing: pages go out to swap and come back all the time, and tasks wait for them.

Used swap is not thrashing: pages that were swapped out once and never wanted again cost nothing. Only traffic
in both directions, with tasks waiting or evicted pages returning, is. zswap and zram hold the pages in
memory, compressed: much cheaper than a disk. What zswap takes never shows in pswpin and pswpout
(mm/page_io.c).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from kvmedic.diagnose.readings import VMSTAT, full_percent, is_waiting, per_second, pressure_lines
from kvmedic.diagnose.verdicts import LIKELY, POSSIBLE, PROVEN, because, cleared, finding, found, lacking
from kvmedic.model.finding import Because, Cause, Judgement, Severity
from kvmedic.model.gap import Missing
from kvmedic.model.memory import Swap
from kvmedic.model.snapshot import Snapshot
from kvmedic.model.subjects import HOST
from kvmedic.units import human_bytes

ID = "swap-thrashing"
REMEDIES = ("release-stranded-memory", "migrate-domain", "evacuate-host")
PAGES_PER_SECOND = 100.0
"""A swap-in from disk takes 0.1 to 10 ms: at 100 a second some vCPU waits for a good part of every second."""
PACKED_PAGES_PER_SECOND = 10_000.0
"""zswap or zram unpacks a page in some 10 µs: at 10,000 a second a tenth of a CPU does nothing else."""
ALL_WAITING_PERCENT = 10.0
"""All tasks at once waiting for memory a tenth of the time: guests visibly stand still."""


class _Traffic(NamedTuple):
    """Pages a second that come in and go out, and how the sentence names their place."""

    pages_in: float
    pages_out: float
    place: str

    @property
    def both_ways(self) -> float:
        return min(self.pages_in, self.pages_out)


def examine(snapshot: Snapshot) -> Judgement:
    """Growth of pswpin and pswpout, and of zswap's own counters, then refaults and pressure."""
    swaps = snapshot.memory.swaps
    if not isinstance(swaps, Missing) and not swaps:
        return cleared("there is no swap", "proc/swaps")
    pages_in, pages_out = per_second(snapshot, "pswpin"), per_second(snapshot, "pswpout")
    if isinstance(pages_in, Missing):
        return lacking(pages_in)
    if isinstance(pages_out, Missing):
        return lacking(pages_out)
    is_packed = _is_all_zram(swaps)
    areas = _Traffic(pages_in, pages_out, " (zram)" if is_packed else "")
    zswap = _Traffic(_known(snapshot, "zswpin"), _known(snapshot, "zswpout"), " (zswap)")
    if areas.both_ways >= (PACKED_PAGES_PER_SECOND if is_packed else PAGES_PER_SECOND):
        return _present(snapshot, areas)
    if zswap.both_ways >= PACKED_PAGES_PER_SECOND:
        return _present(snapshot, zswap)
    return cleared(_at_rest(snapshot, areas, zswap), VMSTAT)


def _is_all_zram(swaps: Sequence[Swap] | Missing) -> bool:
    return not isinstance(swaps, Missing) and all(swap.name.startswith("/dev/zram") for swap in swaps)


def _known(snapshot: Snapshot, counter: str) -> float:
    """Growth of a counter that only a kernel with zswap has; 0 on the others, which is the truth there."""
    rate = per_second(snapshot, counter)
    return 0.0 if isinstance(rate, Missing) else rate


def _at_rest(snapshot: Snapshot, areas: _Traffic, zswap: _Traffic) -> str:
    swaps = snapshot.memory.swaps
    used = (
        "" if isinstance(swaps, Missing) else f"{human_bytes(sum(swap.used_bytes for swap in swaps))} used, "
    )
    packed = f", {zswap.pages_in:.0f} and {zswap.pages_out:.0f} through zswap" if any(zswap[:2]) else ""
    return f"{used}{areas.pages_in:.0f} pages a second in, {areas.pages_out:.0f} out{areas.place}{packed}"


def _present(snapshot: Snapshot, traffic: _Traffic) -> Judgement:
    refaults = per_second(snapshot, "workingset_refault_anon")
    returns = not isinstance(refaults, Missing) and refaults >= PAGES_PER_SECOND
    waits = is_waiting(snapshot.memory.pressure_memory)
    all_wait = (full_percent(snapshot.memory.pressure_memory) or 0.0) >= ALL_WAITING_PERCENT
    moved = f"{traffic.pages_in:.0f} pages a second"
    proof = [because(f"{moved} come in, {traffic.pages_out:.0f} go out{traffic.place}", VMSTAT)]
    if returns:
        proof.append(because(f"{refaults:.0f} evicted pages a second are wanted again", VMSTAT))
    return found(
        finding(
            ID,
            HOST,
            _severity(all_wait=all_wait, counts=returns or waits),
            (PROVEN if returns and waits else LIKELY) if returns or waits else POSSIBLE,
            summary=f"the host swaps in both directions: {moved} in, {traffic.pages_out:.0f} out"
            f"{traffic.place}",
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
