"""thp-compaction-stall after a failure: tasks hung in compaction for a huge page, khugepaged among them."""

from __future__ import annotations

from kvmedic.diagnose.post_mortem.hungs import hung_finding
from kvmedic.diagnose.post_mortem.said import absent
from kvmedic.diagnose.verdicts import found
from kvmedic.model.case import Case
from kvmedic.model.finding import Judgement

ID = "thp-compaction-stall"
REMEDIES = ("tune-host", "compact-memory")


def explain(case: Case) -> Judgement:
    """Hung tasks with compaction on their stacks."""
    hung = hung_finding(ID, case, "compaction", waited_for="huge pages to be put together", remedies=REMEDIES)
    return absent(case, "no task hung in compaction") if hung is None else found(hung)
