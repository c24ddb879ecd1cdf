"""soft-lockup: a CPU of the host ran in the kernel for too long and scheduled nobody (kernel/watchdog.c,
kernel/rcu).

A fault of kernel, driver or firmware; on a virtual machine it may also be a host that gave it no CPU.
"""

from __future__ import annotations

from kvmedic.diagnose.post_mortem.actors import task_words
from kvmedic.diagnose.post_mortem.kernel_bug import is_fault
from kvmedic.diagnose.post_mortem.said import FAIR, SURE, absent, explained, of_kind, proof
from kvmedic.diagnose.verdicts import found
from kvmedic.model.case import Case
from kvmedic.model.finding import Judgement, Severity
from kvmedic.model.log_event import HardwareError, KernelFault, Lockup
from kvmedic.model.subjects import HOST

ID = "soft-lockup"
_WORDS = {"soft": "did not schedule", "hard": "took no interrupts", "rcu": "kept RCU waiting"}


def explain(case: Case) -> Judgement:
    """Lockups of the scene; sure where the detector itself named a CPU."""
    lockups = list(of_kind(case.scene, Lockup))
    if not lockups:
        return _workqueue(case) or absent(case, "no CPU was locked up")
    event = next((pair for pair in lockups if pair[1].kind != "rcu"), lockups[0])[1]
    cpus = f"CPU {','.join(str(cpu) for cpu in event.cpus[:4])}" if event.cpus else "a CPU"
    span = "" if event.stuck_s is None else f" for {event.stuck_s} s"
    where = "" if event.instruction is None else f", in {event.instruction}"
    return found(
        explained(
            ID,
            HOST,
            _confidence(case, event),
            summary=f"{cpus} {_WORDS[event.kind]}{span} ({task_words(event.task)}{where})",
            lines=[proof(h, f"{e.kind} lockup" if e.kind != "rcu" else "RCU stall") for h, e in lockups[:4]],
            severity=Severity.WARNING if case.is_guest_log else Severity.CRITICAL,
        )
    )


def _workqueue(case: Case) -> Judgement | None:
    """A worker of the kernel that did not get on: a CPU was too busy, or it waits for something."""
    for happening, fault in of_kind(case.scene, KernelFault):
        if "workqueue lockup" in fault.reason:
            lines = [proof(happening, "a worker of the kernel stood still")]
            summary = "workers of the kernel stood still: a CPU was kept busy for too long"
            return found(explained(ID, HOST, FAIR, summary=summary, lines=lines, severity=Severity.WARNING))
    return None


def _confidence(case: Case, event: Lockup) -> float:
    """A machine check or a kernel fault in the same scene is the likelier beginning."""
    began_otherwise = any(
        isinstance(h.event, HardwareError) or (isinstance(h.event, KernelFault) and is_fault(h.event))
        for h in case.scene
    )
    if began_otherwise or case.is_guest_log:
        return FAIR
    return SURE + 0.02 if event.kind != "rcu" else SURE - 0.13
