"""swap-thrashing after a failure: tasks hung while pages came back from swap, or swap ran full before a kill.

Full swap at an OOM kill says that swap was no help any more, not that it thrashed: that stays possible.
"""

from __future__ import annotations

from msgspec import structs

from kvmedic.diagnose.post_mortem.hungs import hung_finding
from kvmedic.diagnose.post_mortem.memory_before import (
    THRASHING_PAGES_PER_S,
    memory_lines,
    paging_lines,
    swapped_in_peak,
)
from kvmedic.diagnose.post_mortem.oom_kinds import any_ooms
from kvmedic.diagnose.post_mortem.said import FAIR, POSSIBLE, absent, explained, of_kind, proof
from kvmedic.diagnose.verdicts import cleared, found
from kvmedic.model.case import Case, UnloggedEnd
from kvmedic.model.finding import Judgement
from kvmedic.model.log_event import HungTask, Lockup, UserspaceOomEvent
from kvmedic.model.subjects import HOST
from kvmedic.units import human_bytes

ID = "swap-thrashing"
REMEDIES = ("release-stranded-memory", "migrate-domain", "evacuate-host")


def explain(case: Case) -> Judgement:
    """Hung tasks in swap-in; a daemon that killed for swap; else what the OOM report says of swap."""
    hung = hung_finding(ID, case, "swap", waited_for="pages to come back from swap", remedies=REMEDIES)
    if hung is not None:
        return found(structs.replace(hung, because=(*hung.because, *paging_lines(case))))
    for happening, event in of_kind(case.scene, UserspaceOomEvent):
        if event.is_for_swap and event.kind == "killed":
            summary = f"{event.daemon} killed because swap was nearly full"
            lines = [proof(happening, "killed for used swap")]
            return found(explained(ID, HOST, FAIR - 0.1, summary=summary, lines=lines, remedies=REMEDIES))
    return _measured(case) or _reported(case)


def _measured(case: Case) -> Judgement | None:
    """sysstat saw the host swap hard before tasks hung or the host was lost: possible, and no more."""
    peak = swapped_in_peak(case)
    stands_still = any(isinstance(h.event, HungTask | Lockup | UnloggedEnd) for h in case.scene)
    if peak is None or not stands_still or peak[1] < THRASHING_PAGES_PER_S or case.is_guest_log:
        return None
    summary = f"the host was swapping before it: up to {peak[1]:,.0f} pages/s came back from swap"
    lines = (*paging_lines(case), *memory_lines(case))
    return found(explained(ID, HOST, POSSIBLE, summary=summary, lines=lines, remedies=REMEDIES))


def _reported(case: Case) -> Judgement:
    """What the OOM report says of swap; else that nothing of the kind stands in the logs."""
    for happening, report in any_ooms(case):
        memory = report.mem_info
        if memory is not None and memory.swap_total_bytes is not None:
            free = human_bytes(memory.swap_free_bytes or 0)
            text = f"swap: {free} of {human_bytes(memory.swap_total_bytes)} free, and no task hung in it"
            text = text if memory.swap_total_bytes else "this host has no swap"
            return cleared(text, happening.event.lines[0].source)
    return absent(case, "no task hung while pages came back from swap")
