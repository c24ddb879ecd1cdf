"""guest-internal: the guest failed by itself: its own OOM killer, panic, fault or lockup, in its own
kernel log.

The host is not to blame for it, unless its balloon took the memory (balloon-over-inflated) or it gave no
CPU time.
"""

from __future__ import annotations

from kvmedic.diagnose.post_mortem.balloon_over_inflated import explain as explain_balloon
from kvmedic.diagnose.post_mortem.host_cpu_overcommitted import was_not_run
from kvmedic.diagnose.post_mortem.oom_proof import oom_lines
from kvmedic.diagnose.post_mortem.said import FAIR, LIKELY, POSSIBLE, SURE, WEAK, explained, proof
from kvmedic.diagnose.post_mortem.scenes import DEATH, STALL, gravity
from kvmedic.diagnose.verdicts import cleared, found, lacking
from kvmedic.model.case import Case, Happening, UnloggedEnd
from kvmedic.model.finding import Because, Judgement
from kvmedic.model.log_event import HungTask, KernelFault, Lockup, OomReport, PageAllocationFailure
from kvmedic.model.subjects import HOST

ID = "guest-internal"


def explain(case: Case) -> Judgement:
    """Failures that a guest's own log reports."""
    if not case.logs:
        return lacking("no log was read")
    if not case.is_guest_log:
        return cleared("the log is the host's, and the failure stands in it", case.logs[0].source)
    grave = [h for h in case.scene if gravity(h.event) >= STALL and not isinstance(h.event, UnloggedEnd)]
    if not grave:
        return cleared("the guest's log shows no failure of its own", case.logs[0].source)
    worst = max(grave, key=lambda happening: gravity(happening.event))
    return found(
        explained(
            ID,
            HOST,
            _confidence(case, worst),
            summary=f"the guest failed by itself: {_what(worst)}, in its own kernel",
            lines=_lines(worst),
        )
    )


def _confidence(case: Case, worst: Happening) -> float:
    if explain_balloon(case).findings:
        return POSSIBLE
    match worst.event:
        case OomReport() as report:
            return SURE if report.tasks and not report.qemu_tasks_total else LIKELY + 0.05
        case KernelFault():
            return LIKELY + 0.05
        case Lockup() as lockup if was_not_run(lockup):
            return WEAK
        case HungTask() | Lockup():
            return FAIR + 0.05
        case _:
            return FAIR if gravity(worst.event) == DEATH else POSSIBLE


def _what(worst: Happening) -> str:
    match worst.event:
        case OomReport():
            return "it ran out of memory"
        case KernelFault() as fault:
            return "it panicked" if fault.kind == "panic" else "its kernel met a fault"
        case Lockup():
            return "a CPU was locked up"
        case HungTask():
            return "tasks hung"
        case PageAllocationFailure():
            return "a request for memory was refused"
        case _:
            return "something failed"


def _lines(worst: Happening) -> tuple[Because, ...]:
    if isinstance(worst.event, OomReport):
        return tuple(oom_lines(worst, worst.event))
    return (proof(worst, "written by the guest's own kernel"),)
