"""host-memory-overcommitted after a failure: the guests held the memory, and may use more than there is.

From a live snapshot the maxima are known; from a bare log the sum of QEMU's address spaces stands for them,
an upper bound. Balloons that deflated just before are the usual trigger: nothing reserves what they give
back.
"""

from __future__ import annotations

from kvmedic.diagnose.post_mortem.actors import victim_subject
from kvmedic.diagnose.post_mortem.memory_before import memory_lines
from kvmedic.diagnose.post_mortem.oom_kinds import kind_of
from kvmedic.diagnose.post_mortem.said import LIKELY, POSSIBLE, explained
from kvmedic.diagnose.post_mortem.shortage import (
    Shortage,
    deflation_lines,
    no_shortage,
    shortage_lines,
    shortage_of,
    shortage_sentence,
)
from kvmedic.diagnose.verdicts import because, cleared, found
from kvmedic.model.case import Case
from kvmedic.model.finding import Because, Judgement
from kvmedic.model.gap import Missing
from kvmedic.units import human_bytes

ID = "host-memory-overcommitted"
REMEDIES = ("migrate-domain", "evacuate-host")
GUESTS_SHARE = 0.5
"""From half of the host's memory on, the guests are who held it."""
ONE_GUEST_ALLOWANCE = 1.25
"""QEMU's own address space (stacks, caches, translated code) counts in total_vm and is not the guest's."""


def explain(case: Case) -> Judgement:
    """Guests that held most of the memory and were promised more than there is."""
    shortage = shortage_of(case)
    if shortage is None:
        return no_shortage(case)
    source = shortage.happening.event.lines[0].source
    if not is_overcommitted(case, shortage):
        return cleared(_why_not(shortage), source)
    deflated = deflation_lines(case)
    why = "the host ran out of memory that it had promised to its guests"
    return found(
        explained(
            ID,
            victim_subject(shortage.happening, shortage.report),
            _confidence(case, shortage, is_set_off=bool(deflated)),
            summary=shortage_sentence(shortage, why),
            lines=(*shortage_lines(shortage), *deflated, *_promise(case, shortage), *memory_lines(case)),
            remedies=REMEDIES,
        )
    )


def _confidence(case: Case, shortage: Shortage, *, is_set_off: bool) -> float:
    """Where the report does not show that memory was short, the promise alone proves nothing."""
    if kind_of(shortage.report) == "unclear":
        return POSSIBLE - 0.05
    return LIKELY + 0.05 if is_set_off or _known_promise(case) else LIKELY


def is_overcommitted(case: Case, shortage: Shortage) -> bool:
    """The guests are the largest holder, and what they may use exceeds memory and swap."""
    ledger = shortage.ledger
    guests = ledger.of("guests")
    if guests is None or (ledger.total_bytes and guests.share < GUESTS_SHARE):
        return bool(deflation_lines(case)) and (ledger.largest is None or ledger.largest.kind == "guests")
    if deflation_lines(case) or _known_promise(case):
        return True
    if ledger.total_bytes is None or ledger.guests_virtual_bytes is None:
        return False
    held = ledger.total_bytes + (ledger.swap_total_bytes or 0)
    allowance = ONE_GUEST_ALLOWANCE if ledger.guests == 1 else 1.0
    return ledger.guests_virtual_bytes > held * allowance


def _known_promise(case: Case) -> bool:
    ledger = case.snapshot.memory.ledger
    return not isinstance(ledger, Missing) and (
        not isinstance(ledger.if_all_deflate_short, Missing) and ledger.if_all_deflate_short > 0
    )


def _promise(case: Case, shortage: Shortage) -> tuple[Because, ...]:
    ledger = case.snapshot.memory.ledger
    if not isinstance(ledger, Missing) and not isinstance(ledger.guests_maximum, Missing):
        total, promised = human_bytes(ledger.total), human_bytes(ledger.guests_maximum)
        return (because(f"the guests may use {promised}, the host has {total} (as it is today)", "libvirt"),)
    told = shortage.ledger
    if told.guests_virtual_bytes is None or told.total_bytes is None:
        return ()
    text = (
        f"{told.guests} QEMU with {human_bytes(told.guests_virtual_bytes)} of address space "
        f"on a host of {human_bytes(told.total_bytes)}"
    )
    return (because(text, shortage.happening.event.lines[0].source),)


def _why_not(shortage: Shortage) -> str:
    guests = shortage.ledger.of("guests")
    if guests is None:
        return "no guest stands in the task table of the report"
    if guests.share < GUESTS_SHARE:
        return f"the guests held {human_bytes(guests.bytes)}, less than half of the host"
    return "what the guests may use fits into the host's memory"
