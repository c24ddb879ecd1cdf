"""backup-job after a failure: a backup ran when it happened, or left a guest's file systems frozen.

A job that ran at the same time is a circumstance; a freeze without a thaw, or a freeze that failed, is a
cause.
"""

from __future__ import annotations

from kvmedic.diagnose.post_mortem.actors import domain
from kvmedic.diagnose.post_mortem.said import LIKELY, POSSIBLE, absent, explained, of_kind, proof, recent
from kvmedic.diagnose.post_mortem.waits import hung_tasks
from kvmedic.diagnose.verdicts import found
from kvmedic.model.case import Case, Happening
from kvmedic.model.finding import Judgement, Severity, Subject
from kvmedic.model.log_event import BackupEvent, HungTask, QemuEvent, StorageError
from kvmedic.model.subjects import HOST

ID = "backup-job"
RUNNING_S = 6 * 3600.0
"""A job that began longer ago than this and never said that it ended is not counted as running."""


def explain(case: Case) -> Judgement:
    """A freeze that was not undone; else a job that ran while I/O stood still."""
    events = list(of_kind((*recent(case, RUNNING_S), *case.scene), BackupEvent))
    events.sort(key=lambda pair: pair[0].tick_s)
    running = _last(events, "began", ends=("finished", "failed"))
    frozen = _last(events, "frozen", ends=("thawed",)) or _last(events, "freeze-failed", ends=("thawed",))
    failed = next((pair for pair in events if pair[1].kind in ("failed", "freeze-failed")), None)
    proofs = [pair for pair in (running, frozen, failed) if pair is not None]
    if not proofs:
        return absent(case, "no backup ran at that time", "kernel")
    stands_still = any(True for kind in (HungTask, StorageError) for _ in of_kind(case.scene, kind))
    stands_still = stands_still or any(e.kind == "paused-io-error" for _, e in of_kind(case.scene, QemuEvent))
    return found(
        explained(
            ID,
            _subject(proofs),
            _confidence(case, is_frozen=frozen is not None, stands_still=stands_still),
            summary="a backup froze the guest's file systems and did not thaw them"
            if frozen is not None
            else "a backup failed"
            if running is None
            else "a backup was running when it happened",
            lines=[proof(h, _meaning(e)) for h, e in proofs],
            severity=Severity.CRITICAL if frozen is not None else Severity.WARNING,
        )
    )


def _last(
    events: list[tuple[Happening, BackupEvent]], kind: str, ends: tuple[str, ...]
) -> tuple[Happening, BackupEvent] | None:
    """The last event of a kind that no event of ``ends`` follows."""
    open_one: tuple[Happening, BackupEvent] | None = None
    for pair in events:
        if pair[1].kind == kind:
            open_one = pair
        elif pair[1].kind in ends:
            open_one = None
    return open_one


def _confidence(case: Case, *, is_frozen: bool, stands_still: bool) -> float:
    if is_frozen:
        return LIKELY + (0.08 if hung_tasks(case, "frozen") else 0.0)
    return POSSIBLE + 0.1 if stands_still else POSSIBLE - 0.1


def _subject(proofs: list[tuple[Happening, BackupEvent]]) -> Subject:
    name = next((h.domain for h, _ in proofs if h.domain), None)
    return HOST if name is None else domain(name)


def _meaning(event: BackupEvent) -> str:
    words = {
        "began": "a backup began, and did not end before it",
        "frozen": "file systems frozen, and not thawed",
        "freeze-failed": "freezing or thawing failed",
        "failed": "the backup failed",
    }
    return words.get(event.kind, "a backup")
