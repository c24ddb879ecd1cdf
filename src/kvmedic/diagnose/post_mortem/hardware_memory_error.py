"""hardware-memory-error after a failure: memory or a CPU reported an error that could not be corrected.

A kill by hwpoison or a fatal machine check is proof. Corrected errors harm nobody, and some are benign
(Intel's erratum HSW131 makes them when guests run): they are named, and cleared.
"""

from __future__ import annotations

from kvmedic.diagnose.post_mortem.actors import process_words, task_subject
from kvmedic.diagnose.post_mortem.said import CERTAIN, LIKELY, absent, explained, of_kind, proof
from kvmedic.diagnose.verdicts import found
from kvmedic.model.case import Case, Happening
from kvmedic.model.finding import Judgement, Severity
from kvmedic.model.log_event import HardwareError, KernelFault
from kvmedic.model.subjects import HOST
from kvmedic.units import human_seconds

ID = "hardware-memory-error"
REMEDIES = ("evacuate-host",)


def explain(case: Case) -> Judgement:
    """Uncorrected and fatal errors of the scene; old and corrected ones clear."""
    errors = [p for p in of_kind(case.scene, HardwareError) if _is_real(p[1])]
    panics = [p for p in of_kind(case.scene, KernelFault) if p[1].set_off_by == "machine-check"]
    if not errors and not panics:
        return _cleared(case)
    killer = next((pair for pair in errors if pair[1].killed is not None), None)
    return found(
        explained(
            ID,
            HOST if killer is None else task_subject(killer[0], killer[1].killed),
            _confidence(errors, is_deadly=killer is not None or bool(panics)),
            summary=_summary(errors, killer),
            lines=(
                *(proof(happening, _meaning(error)) for happening, error in errors[:4]),
                *(proof(happening, "the kernel cannot go on after it") for happening, _ in panics[:1]),
            ),
            severity=Severity.CRITICAL if killer or panics or _is_fatal(errors) else Severity.WARNING,
            remedies=REMEDIES,
        )
    )


def _is_real(error: HardwareError) -> bool:
    return error.killed is not None or (
        error.severity in ("uncorrected", "fatal") and error.component in ("memory", "cpu")
    )


def _is_fatal(errors: list[tuple[Happening, HardwareError]]) -> bool:
    return any(error.severity == "fatal" for _, error in errors)


def _confidence(errors: list[tuple[Happening, HardwareError]], *, is_deadly: bool) -> float:
    return CERTAIN if is_deadly or _is_fatal(errors) else LIKELY + 0.05


def _summary(
    errors: list[tuple[Happening, HardwareError]], killer: tuple[Happening, HardwareError] | None
) -> str:
    if killer is not None and killer[1].killed is not None:
        task = killer[1].killed
        who = process_words(task.comm, task.pid, killer[0].domain)
        return f"the hardware lost a page of memory and the kernel killed {who}, who was using it"
    where = next((error.location for _, error in errors if error.location), None)
    return "the hardware reported an error that could not be corrected" + (f" ({where})" if where else "")


def _meaning(error: HardwareError) -> str:
    if error.killed is not None:
        return "killed because its memory is lost"
    return f"{error.severity} error of the {error.component}" + (
        f", {error.location}" if error.location else ""
    )


def _cleared(case: Case) -> Judgement:
    """Corrected errors before the incident are named, with their age."""
    corrected = [p for p in of_kind(case.before, HardwareError) if p[1].severity == "corrected"]
    begin = case.begin
    if not corrected or begin is None:
        return absent(case, "the hardware reported no error")
    happening, _ = corrected[-1]
    age = begin.tick_s - happening.tick_s
    when = f", the last {human_seconds(age)} before" if age >= 1 else ""
    return Judgement(refuted=(proof(happening, f"only corrected errors{when}: they harm nobody"),))
