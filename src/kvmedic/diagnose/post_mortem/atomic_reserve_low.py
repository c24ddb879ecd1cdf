"""atomic-reserve-low after a failure: a request that may not wait found nothing above the reserve.

Network cards and interrupts ask with GFP_ATOMIC: below the min watermark they live on a reserve, and when
that is gone packets are dropped. Nobody is killed for it; one line now and then is ordinary.
"""

from __future__ import annotations

from kvmedic.diagnose.post_mortem.actors import task_words
from kvmedic.diagnose.post_mortem.oom_kinds import any_ooms
from kvmedic.diagnose.post_mortem.refusals import refusals, supply_for
from kvmedic.diagnose.post_mortem.said import FAIR, LIKELY, POSSIBLE, absent, explained, of_kind, proof
from kvmedic.diagnose.post_mortem.zones import zone_name
from kvmedic.diagnose.verdicts import because, found
from kvmedic.model.case import Case, Happening
from kvmedic.model.finding import Because, Judgement, Severity
from kvmedic.model.log_event import PageAllocationFailure, SlubFailure
from kvmedic.model.subjects import HOST
from kvmedic.units import human_bytes

ID = "atomic-reserve-low"
REMEDIES = ("tune-host", "release-stranded-memory", "migrate-domain")
OFTEN = 5
"""From so many refusals in one incident on, something is felt: packets are lost."""


def explain(case: Case) -> Judgement:
    """Atomic requests that were refused."""
    failures = refusals(case, "atomic")
    if not failures:
        return _slab(case) or absent(case, "no request that may not wait was refused")
    happening, failure = failures[-1]
    is_often = len(failures) >= OFTEN
    return found(
        explained(
            ID,
            HOST,
            POSSIBLE if any_ooms(case) else LIKELY if not failure.order else FAIR,
            summary=_summary(failure, len(failures)),
            lines=(
                proof(happening, "it may not wait (atomic), so it failed at once", "page allocation failure"),
                *_zone(happening, failure),
            ),
            severity=Severity.WARNING if is_often or not failure.order else Severity.INFO,
            remedies=REMEDIES,
        )
    )


def _slab(case: Case) -> Judgement | None:
    """A slab cache of single pages that could not grow for a request that may not wait."""
    for happening, failure in of_kind(case.scene, SlubFailure):
        may_wait = failure.gfp is None or failure.gfp.can_direct_reclaim is not False
        if failure.memcg_cache is None and not may_wait and not failure.min_order:
            summary = f"the slab cache {failure.cache} could not grow for a request that may not wait"
            lines = [proof(happening, "it may not wait (atomic), so it failed at once")]
            return found(
                explained(
                    ID,
                    HOST,
                    FAIR,
                    summary=summary,
                    lines=lines,
                    severity=Severity.WARNING,
                    remedies=REMEDIES,
                )
            )
    return None


def _summary(failure: PageAllocationFailure, count: int) -> str:
    times = "once" if count == 1 else f"{count} times"
    who = task_words(failure.requester)
    return (
        f"a request that may not wait was refused {times} (order {failure.order}, in {who}); "
        "packets may be lost"
    )


def _zone(happening: Happening, failure: PageAllocationFailure) -> tuple[Because, ...]:
    supply = supply_for(failure)
    if supply is None or not supply.dry:
        return ()
    zone = supply.dry[-1]
    low = "" if zone.min_bytes is None else f", min {human_bytes(zone.min_bytes)}"
    text = f"{zone_name(zone)}: free {human_bytes(zone.free_bytes or 0)}{low}"
    return (because(text, happening.event.lines[0].source),)
