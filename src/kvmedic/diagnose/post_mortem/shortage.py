"""What is common to the causes behind a global shortage: its reports, the ledger of the fullest one, the
words.
"""

from __future__ import annotations

from collections.abc import Iterator

from kvmedic.diagnose.post_mortem.actors import victim_words
from kvmedic.diagnose.post_mortem.holders import Holder, Ledger, ledger_of
from kvmedic.diagnose.post_mortem.memory_before import ample_memory_line
from kvmedic.diagnose.post_mortem.oom_kinds import any_ooms, kind_of, ooms_of, supply_for
from kvmedic.diagnose.post_mortem.oom_proof import oom_lines
from kvmedic.diagnose.post_mortem.said import absent, of_kind, proof, recent
from kvmedic.diagnose.post_mortem.zones import zone_name
from kvmedic.diagnose.verdicts import because, cleared
from kvmedic.model.case import Case, Happening
from kvmedic.model.finding import Because, Judgement
from kvmedic.model.log_event import BalloonEvent, OomReport
from kvmedic.model.record import Record
from kvmedic.units import GIB, MIB, human_bytes

DEFLATING_S = 3600.0
"""Balloons that deflated longer ago than this did not set off what happened now."""
SMALLEST_DEFLATION_BYTES = 64 * MIB
_NOT_SHORT = {
    "manual": "the OOM killer was called by hand, not for want of memory",
    "cgroup": "a cgroup ran into its own limit; the host had memory",
    "bound": "only the NUMA nodes that the request was bound to had run dry",
    "fragmented": "memory was free, and not in large enough blocks",
    "one-node": "another NUMA node had memory to spare",
    "unclear": "the report does not show that the host was short of memory",
}


class Shortage(Record, frozen=True, kw_only=True):
    """A host that ran out of memory: the last report, and the ledger of the fullest."""

    happening: Happening
    report: OomReport
    ledger: Ledger
    reports: int


def shortage_of(case: Case) -> Shortage | None:
    """The shortage of this scene; None where no OOM killer ran for that reason, or the log is a guest's."""
    found = ooms_of(case, "shortage") or ooms_of(case, "unclear")
    if not found or case.is_guest_log:
        return None
    happening, report = max(
        found, key=lambda pair: (bool(pair[1].victims), len(pair[1].tasks), pair[0].tick_s)
    )
    return Shortage(happening=happening, report=report, ledger=ledger_of(report), reports=len(found))


def no_shortage(case: Case) -> Judgement:
    """Why the host was not short of memory."""
    if case.is_guest_log:
        return cleared("this is a guest's own log; it says nothing of its host", case.logs[0].source)
    for happening, report in any_ooms(case):
        reason = _NOT_SHORT.get(kind_of(report))
        if reason is not None:
            return Judgement(refuted=(proof(happening, reason, "oom-kill:constraint", "invoked oom-killer"),))
    nothing = absent(case, "the kernel killed nothing for want of memory")
    ample = ample_memory_line(case)
    return nothing if ample is None else Judgement(refuted=(*nothing.refuted, ample))


def shortage_lines(shortage: Shortage) -> Iterator[Because]:
    """Requester, constraint, victim; then what was free, and who held the rest."""
    yield from oom_lines(shortage.happening, shortage.report)
    yield from free_lines(shortage)
    source = shortage.happening.event.lines[0].source
    for holder in shortage.ledger.holders[:3]:
        if holder.share >= 0.05:
            yield because(f"{holder.name} held {human_bytes(holder.bytes)} ({holder.share:.0%})", source)


def free_lines(shortage: Shortage) -> Iterator[Because]:
    """What was free in the zone that had the most to spare, and its watermark."""
    supply = supply_for(shortage.report)
    if supply is not None and supply.best is not None and supply.best.free_bytes is not None:
        zone = supply.best
        low = "" if zone.min_bytes is None else f", min {human_bytes(zone.min_bytes)}"
        text = f"{zone_name(zone)}: free {human_bytes(zone.free_bytes or 0)}{low}"
        yield because(text, shortage.happening.event.lines[0].source)


def shortage_sentence(shortage: Shortage, why: str) -> str:
    """What happened, in one sentence."""
    report = shortage.report
    if report.victims:
        who = victim_words(shortage.happening, report)
        return f"the kernel killed {who} because {why}"
    return f"the kernel found nothing to kill, and {why}" if report.is_nothing_killable else why


def deflations(case: Case) -> list[tuple[Happening, BalloonEvent, int]]:
    """Balloons that gave memory to their guests in the hour before, with how much."""
    return [
        (happening, event, event.to_bytes - event.from_bytes)
        for happening, event in of_kind(recent(case, DEFLATING_S), BalloonEvent)
        if event.from_bytes is not None and event.to_bytes is not None and event.to_bytes > event.from_bytes
    ]


def deflation_lines(case: Case) -> tuple[Because, ...]:
    """What set it off, where balloons deflated before it."""
    found = deflations(case)
    total = sum(size for _, _, size in found)
    if total < SMALLEST_DEFLATION_BYTES:
        return ()
    count = len({event.domain or event.vmid for _, event, _ in found})
    text = f"{count} balloon{'s' if count != 1 else ''} deflated by {human_bytes(total)}: what set it off"
    return (proof(found[-1][0], text),)


def holder_share(ledger: Ledger, holder: Holder | None) -> float:
    """How much of the host's memory this holder had, 0 to 1; 0 where it is unknown."""
    return 0.0 if holder is None or ledger.total_bytes is None else holder.share


def is_large(holder: Holder | None) -> bool:
    """A holder worth a name: a quarter of the host, or, where the total is unknown, a gibibyte."""
    return holder is not None and (holder.share >= 0.25 or (not holder.share and holder.bytes >= GIB))
