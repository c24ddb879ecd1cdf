"""split-lock-throttled: the kernel slows down tasks that use split locks, and their guest crawls.

arch/x86/kernel/cpu/bus_lock.c: with split_lock_detect=warn each trap puts the task to sleep for 10 ms or
more and lets one such task run at a time. Applications inside the guest do it; the host only answers.
"""

from __future__ import annotations

from kvmedic.diagnose.post_mortem.actors import is_qemu, task_subject
from kvmedic.diagnose.post_mortem.said import LIKELY, POSSIBLE, absent, explained, of_kind, proof
from kvmedic.diagnose.post_mortem.scenes import DEATH, grave
from kvmedic.diagnose.verdicts import found
from kvmedic.model.case import Case
from kvmedic.model.finding import Judgement, Severity
from kvmedic.model.log_event import Throttled

ID = "split-lock-throttled"


def explain(case: Case) -> Judgement:
    """Split-lock traps of vCPU threads."""
    traps = [pair for pair in of_kind(case.scene, Throttled) if pair[1].kind == "split-lock"]
    if not traps:
        return absent(case, "no task was slowed down for split locks")
    happening, event = next((pair for pair in traps if is_qemu(pair[1].task.comm)), traps[0])
    count = len(traps) + sum(trap.suppressed or 0 for _, trap in traps)
    is_guest = is_qemu(event.task.comm)
    return found(
        explained(
            ID,
            task_subject(happening, event.task),
            _confidence(case, count, is_guest=is_guest),
            summary=f"{count} split-lock traps: {event.task.comm or 'a task'} is slowed down on purpose",
            lines=[proof(h, "trapped, and put to sleep for it") for h, _ in traps[:3]],
            severity=Severity.WARNING,
        )
    )


def _confidence(case: Case, count: int, *, is_guest: bool) -> float:
    """Surer with several traps of a guest, weak where something graver happened."""
    if grave(case.scene) == DEATH or not is_guest:
        return POSSIBLE
    return LIKELY + (0.12 if count > 3 else 0.0)
