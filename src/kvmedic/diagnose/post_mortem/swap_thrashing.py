"""swap-thrashing after a failure: tasks hung while pages came back from swap, or swap ran full before a kill.

Full swap at an OOM kill says that swap was no help any more, not that it thrashed: that stays possible.
"""

from __future__ import annotations

from kvmedic.diagnose.post_mortem.hungs import hung_finding
from kvmedic.diagnose.post_mortem.oom_kinds import any_ooms
from kvmedic.diagnose.post_mortem.said import FAIR, absent, explained, of_kind, proof
from kvmedic.diagnose.verdicts import cleared, found
from kvmedic.model.case import Case
from kvmedic.model.finding import Judgement
from kvmedic.model.log_event import UserspaceOomEvent
from kvmedic.model.subjects import HOST
from kvmedic.units import human_bytes

ID = "swap-thrashing"
REMEDIES = ("release-stranded-memory", "migrate-domain", "evacuate-host")


def explain(case: Case) -> Judgement:
    """Hung tasks in swap-in; a daemon that killed for swap; else what the OOM report says of swap."""
    hung = hung_finding(ID, case, "swap", waited_for="pages to come back from swap", remedies=REMEDIES)
    if hung is not None:
        return found(hung)
    for happening, event in of_kind(case.scene, UserspaceOomEvent):
        if event.is_for_swap and event.kind == "killed":
            summary = f"{event.daemon} killed because swap was nearly full"
            lines = [proof(happening, "killed for used swap")]
            return found(explained(ID, HOST, FAIR - 0.1, summary=summary, lines=lines, remedies=REMEDIES))
    for happening, report in any_ooms(case):
        memory = report.mem_info
        if memory is not None and memory.swap_total_bytes is not None:
            free = human_bytes(memory.swap_free_bytes or 0)
            text = f"swap: {free} of {human_bytes(memory.swap_total_bytes)} free, and no task hung in it"
            text = text if memory.swap_total_bytes else "this host has no swap"
            return cleared(text, happening.event.lines[0].source)
    return absent(case, "no task hung while pages came back from swap")
