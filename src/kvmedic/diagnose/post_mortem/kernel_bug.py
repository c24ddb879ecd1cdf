"""kernel-bug: the host's kernel met a fault of its own: BUG, oops, general protection fault.

Not where hardware reported an error, and not the lockups, which are a cause of their own.
"""

from __future__ import annotations

from kvmedic.diagnose.post_mortem.actors import task_words
from kvmedic.diagnose.post_mortem.said import FAIR, LIKELY, SURE, absent, explained, of_kind, proof
from kvmedic.diagnose.verdicts import found
from kvmedic.model.case import Case, Happening
from kvmedic.model.finding import Because, Judgement
from kvmedic.model.log_event import HardwareError, KernelFault
from kvmedic.model.subjects import HOST

ID = "kernel-bug"
FAULTS = ("bug", "oops", "gpf")


def is_fault(fault: KernelFault) -> bool:
    """A fault of the kernel's own; a workqueue that stands still is only slow."""
    return fault.kind in FAULTS and "workqueue lockup" not in fault.reason


def explain(case: Case) -> Judgement:
    """Faults of the kernel in this scene, the first one first."""
    faults = [pair for pair in of_kind(case.scene, KernelFault) if is_fault(pair[1])]
    if not faults:
        return _from_panic(case) or absent(case, "the kernel met no fault of its own")
    fault = faults[0][1]
    where = f" in {fault.instruction}" if fault.instruction else ""
    who = task_words(fault.task)
    return found(
        explained(
            ID,
            HOST,
            _confidence(case, fault),
            summary=f"the kernel met a fault of its own{where}, while {who} ran; {who} is not to blame",
            lines=[_line(pair) for pair in faults[:3]],
        )
    )


def _from_panic(case: Case) -> Judgement | None:
    """The panic behind a fault whose own lines were lost."""
    for happening, panic in of_kind(case.scene, KernelFault):
        if panic.set_off_by == "oops":
            summary = "the kernel met a fault of its own, whose lines were lost, and panicked"
            lines = [proof(happening, "the panic that follows a fault", "Kernel panic")]
            return found(explained(ID, HOST, FAIR, summary=summary, lines=lines))
    return None


def _line(pair: tuple[Happening, KernelFault]) -> Because:
    happening, fault = pair
    taint = "" if not fault.is_tainted else "; the kernel was tainted"
    return proof(happening, f"a fault of the kernel{taint}")


def _confidence(case: Case, fault: KernelFault) -> float:
    if any(e.severity in ("fatal", "uncorrected") for _, e in of_kind(case.scene, HardwareError)):
        return FAIR
    if case.is_guest_log:
        return FAIR
    return SURE + 0.02 if fault.instruction or fault.call_trace or fault.kind == "bug" else LIKELY
