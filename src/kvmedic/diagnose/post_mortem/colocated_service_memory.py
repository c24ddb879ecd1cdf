"""colocated-service-memory after a failure: something beside the guests held the memory when it ran out.

The largest tasks of the table that are not QEMU, tasks of one name together; or shared memory (tmpfs,
leftovers of dead processes) that no listed task maps.
"""

from __future__ import annotations

from kvmedic.diagnose.post_mortem.holders import Holder
from kvmedic.diagnose.post_mortem.memory_before import memory_lines
from kvmedic.diagnose.post_mortem.said import FAIR, LIKELY, explained
from kvmedic.diagnose.post_mortem.shortage import (
    Shortage,
    is_large,
    no_shortage,
    shortage_lines,
    shortage_of,
    shortage_sentence,
)
from kvmedic.diagnose.verdicts import cleared, found
from kvmedic.model.case import Case
from kvmedic.model.finding import Judgement, Subject
from kvmedic.units import human_bytes

ID = "colocated-service-memory"
REMEDIES = ("migrate-domain",)


def explain(case: Case) -> Judgement:
    """The largest holder beside guests, kernel and management daemons."""
    shortage = shortage_of(case)
    if shortage is None:
        return no_shortage(case)
    source = shortage.happening.event.lines[0].source
    holder = _largest_service(shortage)
    if holder is None or not is_large(holder):
        size = "none" if holder is None else f"{holder.name}, held {human_bytes(holder.bytes)}"
        return cleared(f"the largest process beside the guests: {size}", source)
    return found(
        explained(
            ID,
            Subject(kind="process", name=holder.name, id=None),
            _confidence(shortage, holder),
            summary=shortage_sentence(
                shortage, f"{holder.name} held {human_bytes(holder.bytes)} of the host's memory"
            ),
            lines=(*shortage_lines(shortage), *memory_lines(case)),
            remedies=REMEDIES,
        )
    )


def _largest_service(shortage: Shortage) -> Holder | None:
    ledger = shortage.ledger
    candidates = [holder for holder in (ledger.of("service"), ledger.of("shared-memory")) if holder]
    return max(candidates, key=lambda holder: holder.bytes, default=None)


def _confidence(shortage: Shortage, holder: Holder) -> float:
    """Who held the most is likely to blame; who held a quarter beside larger guests, possibly."""
    return LIKELY if holder is shortage.ledger.largest else FAIR - 0.15
