"""storage-stall after a failure: tasks waited for storage that did not answer, or for a frozen file system.

Proof is the storage's own words (NFS not responding, all paths failed, a pool suspended) or the stacks of
tasks that hung in I/O. A guest paused by an I/O error that is not "no space" is the same seen from QEMU.
"""

from __future__ import annotations

from collections.abc import Iterator

from kvmedic.diagnose.post_mortem.actors import is_qemu, qemu_subject, task_subject
from kvmedic.diagnose.post_mortem.said import (
    FAIR,
    LIKELY,
    POSSIBLE,
    SURE,
    WEAK,
    absent,
    explained,
    of_kind,
    proof,
)
from kvmedic.diagnose.post_mortem.waits import hung_tasks, main_wait, waiting_words
from kvmedic.diagnose.verdicts import found
from kvmedic.model.case import Case, Happening
from kvmedic.model.finding import Because, Judgement, Severity, Subject
from kvmedic.model.log_event import BackupEvent, HungTask, PageAllocationFailure, QemuEvent, StorageError
from kvmedic.model.subjects import HOST
from kvmedic.units import human_seconds

Hung = list[tuple[Happening, HungTask]]
ID = "storage-stall"
REMEDIES: tuple[str, ...] = ()
_SILENT = frozenset(
    {"nfs-not-responding", "all-paths-failed", "pool-suspended", "device-offline", "command-timeout"}
)
_BROKEN = frozenset(
    {"block-io", "filesystem-shutdown", "remounted-read-only", "path-failed", "filesystem-error"}
)
_DOWN = frozenset({"filesystem-shutdown", "remounted-read-only"})
"""The kernel gave a file system up: nothing on it can be written any more."""
_NO_SPACE = 28
_NAMES = {
    "nfs-not-responding": "the NFS server did not answer",
    "all-paths-failed": "no path to the storage was left",
    "pool-suspended": "the pool was suspended",
    "device-offline": "the device was offline",
    "command-timeout": "a command to the disk timed out",
    "block-io": "a block device failed",
    "filesystem-shutdown": "the file system shut itself down",
    "remounted-read-only": "the file system became read-only",
    "path-failed": "a path to the storage failed",
    "filesystem-error": "the file system is damaged",
}


def explain(case: Case) -> Judgement:
    """The storage's words, stacks of hung tasks, guests paused by I/O errors: the more agree, the surer."""
    errors = [pair for pair in of_kind(case.scene, StorageError) if pair[1].kind in _SILENT | _BROKEN]
    is_full = any(error.kind == "no-space" and error.device for _, error in of_kind(case.scene, StorageError))
    hung = hung_tasks(case, "storage", "frozen")
    blurred = hung_tasks(case, "unknown")
    paused = [p for p in of_kind(case.scene, QemuEvent) if _is_paused(p[1])]
    if not (errors or hung or paused or blurred):
        return absent(case, "no task hung in I/O, and no storage failed")
    lines = (
        *_error_lines(errors),
        *_answer_lines(case, errors),
        *_hung_lines(hung or blurred),
        *_paused_lines(paused),
    )
    return found(
        explained(
            ID,
            _subject(hung or blurred, paused),
            WEAK if is_full else _confidence(case, errors, is_hung=bool(hung), is_paused=bool(paused)),
            summary=_summary(case, errors, hung or blurred),
            lines=lines,
            severity=Severity.CRITICAL if hung or paused or _is_lost(errors) else Severity.WARNING,
            remedies=REMEDIES,
        )
    )


def _is_paused(event: QemuEvent) -> bool:
    return event.kind == "paused-io-error" and event.errno != _NO_SPACE


def _is_silent(errors: list[tuple[Happening, StorageError]]) -> bool:
    return any(error.kind in _SILENT for _, error in errors)


def _is_lost(errors: list[tuple[Happening, StorageError]]) -> bool:
    """No way to the storage is left, other than a server that may answer again in a moment."""
    return any(
        error.kind in ("all-paths-failed", "pool-suspended", "filesystem-shutdown") for _, error in errors
    )


def _confidence(
    case: Case, errors: list[tuple[Happening, StorageError]], *, is_hung: bool, is_paused: bool
) -> float:
    if is_hung and _is_memory_awaited(case):
        return POSSIBLE
    if is_hung and main_wait(case) in ("storage", "frozen"):
        if _is_silent(errors):
            return SURE
        was_frozen = any(e.kind in ("frozen", "freeze-failed") for _, e in of_kind(case.before, BackupEvent))
        return FAIR if was_frozen else LIKELY + 0.07
    if _is_silent(errors):
        return LIKELY + 0.05
    if any(error.kind in _DOWN for _, error in errors):
        return LIKELY
    if errors and is_paused:
        return LIKELY
    if is_paused:
        return FAIR
    return POSSIBLE + 0.05


def _is_memory_awaited(case: Case) -> bool:
    """A file system that is refused contiguous memory (XFS) holds its own tasks: the disk is innocent."""
    return any(f.order is None and f.kind == "page" for _, f in of_kind(case.scene, PageAllocationFailure))


def _summary(case: Case, errors: list[tuple[Happening, StorageError]], hung: Hung) -> str:
    if errors:
        worst = next((e for kinds in (_SILENT, _DOWN) for _, e in errors if e.kind in kinds), errors[0][1])
        where = f" ({worst.device})" if worst.device else ""
        tail = f"; {waiting_words(hung)}" if hung else ""
        return f"{_NAMES[worst.kind]}{where}{tail}"
    if hung and main_wait(case) == "frozen":
        return f"{waiting_words(hung)}: they waited for a file system that was frozen"
    if hung:
        return f"{waiting_words(hung)}: the storage did not answer"
    return "a guest was paused by an I/O error of its storage"


def _subject(hung: Hung, paused: list[tuple[Happening, QemuEvent]]) -> Subject:
    if paused:
        return qemu_subject(*paused[0])
    first = next(((happening, task) for happening, task in hung if is_qemu(task.task.comm)), None)
    return HOST if first is None else task_subject(first[0], first[1].task)


def _error_lines(errors: list[tuple[Happening, StorageError]]) -> Iterator[Because]:
    seen: set[str] = set()
    for happening, error in errors:
        if error.kind not in seen:
            seen.add(error.kind)
            yield proof(happening, _NAMES[error.kind])


def _answer_lines(case: Case, errors: list[tuple[Happening, StorageError]]) -> Iterator[Because]:
    """When a server that was silent answered again: the end of the stall."""
    silent = [(happening, error) for happening, error in errors if error.kind == "nfs-not-responding"]
    answers = [pair for pair in of_kind((*case.before, *case.after), StorageError) if _is_answer(pair[1])]
    for began, error in silent[:1]:
        for happening, answer in answers:
            if answer.device == error.device and happening.tick_s >= began.tick_s:
                span = human_seconds(happening.tick_s - began.tick_s)
                yield proof(happening, f"the NFS server answered again after {span}")
                return


def _is_answer(error: StorageError) -> bool:
    return error.kind == "nfs-answers"


def _hung_lines(hung: Hung) -> Iterator[Because]:
    for happening, task in hung[:3]:
        where = next((name for name in task.call_trace if "schedule" not in name), None)
        yield proof(happening, "hung" if where is None else f"hung in {where}", "blocked")


def _paused_lines(paused: list[tuple[Happening, QemuEvent]]) -> Iterator[Because]:
    for happening, _ in paused[:3]:
        yield proof(happening, "QEMU paused the guest for an I/O error")
