"""dirty-writeback-stall after a failure: writers were held back because too much waited to be written."""

from __future__ import annotations

from kvmedic.diagnose.post_mortem.hungs import hung_finding
from kvmedic.diagnose.post_mortem.said import absent
from kvmedic.diagnose.verdicts import found
from kvmedic.model.case import Case
from kvmedic.model.finding import Judgement

ID = "dirty-writeback-stall"
REMEDIES = ("tune-host",)


def explain(case: Case) -> Judgement:
    """Hung tasks in balance_dirty_pages and in sync."""
    hung = hung_finding(ID, case, "dirty", waited_for="dirty pages to be written", remedies=REMEDIES)
    return absent(case, "no writer hung behind dirty pages") if hung is None else found(hung)
