"""One shape for the causes that hung tasks show: what they waited for names the cause."""

from __future__ import annotations

from kvmedic.diagnose.post_mortem.actors import is_qemu, task_subject
from kvmedic.diagnose.post_mortem.said import LIKELY, POSSIBLE, explained, proof
from kvmedic.diagnose.post_mortem.waits import Wait, hung_tasks, main_wait, waiting_words
from kvmedic.model.case import Case
from kvmedic.model.finding import Finding
from kvmedic.model.subjects import HOST


def hung_finding(
    cause: str, case: Case, wait: Wait, *, waited_for: str, remedies: tuple[str, ...]
) -> Finding | None:
    """A finding where tasks of the scene hung in ``wait``; sure only where most of them did."""
    tasks = hung_tasks(case, wait)
    if not tasks:
        return None
    ours = next((pair for pair in tasks if is_qemu(pair[1].task.comm)), None)
    return explained(
        cause,
        HOST if ours is None else task_subject(ours[0], ours[1].task),
        LIKELY if main_wait(case) == wait else POSSIBLE,
        summary=f"{waiting_words(tasks)}: they waited for {waited_for}",
        lines=[proof(happening, f"hung, waiting for {waited_for}", "blocked") for happening, _ in tasks[:4]],
        remedies=remedies,
    )
