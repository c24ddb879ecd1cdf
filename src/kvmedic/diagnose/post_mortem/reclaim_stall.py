"""reclaim-stall after a failure: tasks that asked for memory spent minutes reclaiming it themselves.

"page allocation stalls for" (kernels 4.10 to 4.14), or hung tasks with reclaim on their stacks. Nothing was
killed.
"""

from __future__ import annotations

from msgspec import structs

from kvmedic.diagnose.post_mortem.actors import task_words
from kvmedic.diagnose.post_mortem.hungs import hung_finding
from kvmedic.diagnose.post_mortem.memory_before import paging_lines
from kvmedic.diagnose.post_mortem.oom_kinds import any_ooms
from kvmedic.diagnose.post_mortem.said import LIKELY, POSSIBLE, absent, explained, of_kind, proof
from kvmedic.diagnose.verdicts import found
from kvmedic.model.case import Case
from kvmedic.model.finding import Judgement, Severity
from kvmedic.model.log_event import PageAllocationFailure
from kvmedic.model.subjects import HOST
from kvmedic.units import human_seconds

ID = "reclaim-stall"
REMEDIES = ("release-stranded-memory", "tune-host", "migrate-domain")


def explain(case: Case) -> Judgement:
    """Hung tasks in reclaim, and stalled allocations."""
    hung = hung_finding(ID, case, "reclaim", waited_for="memory to be reclaimed", remedies=REMEDIES)
    if hung is not None:
        return found(structs.replace(hung, because=(*hung.because, *paging_lines(case))))
    stalls = [pair for pair in of_kind(case.scene, PageAllocationFailure) if pair[1].kind == "stall"]
    if not stalls:
        return absent(case, "no task hung while it reclaimed memory")
    happening, worst = max(stalls, key=lambda pair: pair[1].stalled_ms or 0)
    span = human_seconds((worst.stalled_ms or 0) / 1000)
    return found(
        explained(
            ID,
            HOST,
            POSSIBLE if any_ooms(case) else LIKELY,
            summary=f"requests for memory waited up to {span} for reclaim ({task_words(worst.requester)})",
            lines=[proof(happening, "waited for memory, and got it late"), *paging_lines(case)],
            severity=Severity.WARNING,
            remedies=REMEDIES,
        )
    )
