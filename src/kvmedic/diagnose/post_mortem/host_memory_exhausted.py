"""host-memory-exhausted after a failure: a global OOM kill of order 0, with every zone at its watermark.

Who held the memory is told; where one holder explains it, that cause stands above this one.
"""

from __future__ import annotations

from collections.abc import Iterable

from kvmedic.diagnose.post_mortem.actors import qemu_subject, task_words, victim_subject
from kvmedic.diagnose.post_mortem.host_memory_overcommitted import is_overcommitted
from kvmedic.diagnose.post_mortem.memory_before import memory_lines
from kvmedic.diagnose.post_mortem.oom_kinds import is_hearsay, kind_of
from kvmedic.diagnose.post_mortem.refusals import refusals
from kvmedic.diagnose.post_mortem.said import FAIR, LIKELY, POSSIBLE, explained, of_kind, proof
from kvmedic.diagnose.post_mortem.shortage import (
    Shortage,
    deflation_lines,
    free_lines,
    no_shortage,
    shortage_lines,
    shortage_of,
    shortage_sentence,
)
from kvmedic.diagnose.verdicts import found
from kvmedic.model.case import Case
from kvmedic.model.finding import Because, Judgement, Severity
from kvmedic.model.log_event import QemuEvent
from kvmedic.model.subjects import HOST

ID = "host-memory-exhausted"
EXPLAINED_ELSEWHERE = ("service", "daemon", "kernel", "shared-memory")
"""Holders of memory that are a cause of their own."""
REMEDIES = ("release-stranded-memory", "migrate-domain", "evacuate-host")


def explain(case: Case) -> Judgement:
    """A shortage of the whole host; else a start that the host had no memory for."""
    shortage = shortage_of(case)
    if shortage is None:
        return _refused_start(case) or _refused_request(case) or no_shortage(case)
    return found(
        explained(
            ID,
            victim_subject(shortage.happening, shortage.report),
            _confidence(case, shortage),
            summary=shortage_sentence(shortage, _why(shortage)),
            lines=_lines(case, shortage),
            remedies=REMEDIES,
        )
    )


def _why(shortage: Shortage) -> str:
    """Fragmentation is denied only where the report says that a single page was wanted."""
    if is_hearsay(shortage.report):
        unit = (shortage.report.chosen_memcg or "").strip("/")
        return f"the OOM killer ended a process of {unit}; whether the host or a limit ran out is not told"
    if kind_of(shortage.report) == "unclear":
        return _unclear(shortage)
    denied = ", not because it was fragmented" if shortage.report.order == 0 else ""
    return f"the host ran out of memory{denied}"


def _unclear(shortage: Shortage) -> str:
    if shortage.report.mem_info is not None and not shortage.report.order:
        return "the OOM killer was called, though no zone was at its watermark"
    return "memory ran out or was fragmented; the report does not show which"


def _lines(case: Case, shortage: Shortage) -> Iterable[Because]:
    """All proof; where a particular cause tells it already, only what makes it the whole host."""
    if _confidence(case, shortage) > FAIR:
        return (*shortage_lines(shortage), *deflation_lines(case), *memory_lines(case))
    return (
        proof(shortage.happening, _scope(shortage), "oom-kill:constraint=", "invoked oom-killer"),
        *free_lines(shortage),
    )


def _scope(shortage: Shortage) -> str:
    if is_hearsay(shortage.report):
        return "systemd says so; the report of the kernel itself is not in what was read"
    return "the whole host ran out"


def _confidence(case: Case, shortage: Shortage) -> float:
    """Where another cause names who took the memory, this one is only the stage on which it happened."""
    if kind_of(shortage.report) == "unclear" or is_hearsay(shortage.report):
        return POSSIBLE
    if is_overcommitted(case, shortage) or is_only_a_kill(shortage):
        return FAIR
    largest = shortage.ledger.largest
    if largest is not None and largest.kind in EXPLAINED_ELSEWHERE and largest.share >= 0.25:
        return FAIR - 0.05
    return LIKELY + 0.08 if shortage.report.constraint == "CONSTRAINT_NONE" else LIKELY


def is_only_a_kill(shortage: Shortage) -> bool:
    """Neither header nor constraint nor zones were kept: somebody was killed, and little else is known."""
    report = shortage.report
    return report.order is None and report.constraint is None and report.mem_info is None


def _refused_start(case: Case) -> Judgement | None:
    """QEMU could not allocate its guest's memory (ENOMEM), and no pool of hugepages is to blame."""
    for happening, event in of_kind(case.scene, QemuEvent):
        if event.kind == "start-failed" and event.failure == "guest-memory":
            return found(
                explained(
                    ID,
                    qemu_subject(happening, event),
                    POSSIBLE + 0.1,
                    summary="QEMU could not set up its guest's memory: the host had not enough to promise",
                    lines=[proof(happening, "ENOMEM for plain memory; no contiguous block is needed for it")],
                    remedies=REMEDIES,
                )
            )
    return None


def _refused_request(case: Case) -> Judgement | None:
    """A request that may wait was refused with every zone at its watermark, and nobody was killed."""
    failures = refusals(case, "short")
    if not failures or case.is_guest_log:
        return None
    happening, failure = failures[-1]
    who = task_words(failure.requester)
    return found(
        explained(
            ID,
            HOST,
            POSSIBLE + 0.15,
            summary=f"a request of order {failure.order} was refused in {who}: the host had no memory left",
            lines=[proof(happening, "refused though it could wait", "page allocation failure")],
            severity=Severity.WARNING,
            remedies=REMEDIES,
        )
    )
