"""qemu-crash: QEMU ended by a fault of its own: a segmentation fault or an assertion that failed."""

from __future__ import annotations

from kvmedic.diagnose.post_mortem.actors import qemu_subject
from kvmedic.diagnose.post_mortem.ends import CRASH_KINDS, is_accounted_for, vanished
from kvmedic.diagnose.post_mortem.said import CERTAIN, POSSIBLE, absent, explained, of_kind, proof
from kvmedic.diagnose.verdicts import cleared, found
from kvmedic.model.case import Case, Happening
from kvmedic.model.finding import Finding, Judgement
from kvmedic.model.log_event import QemuEvent

ID = "qemu-crash"
_MEANINGS = {
    "segfault": "QEMU touched memory that is not its own",
    "assertion": "QEMU found itself in a state that must not be",
}


def explain(case: Case) -> Judgement:
    """Segfaults and assertions; else an end called "crashed" that nothing accounts for."""
    crashes = [pair for pair in of_kind(case.scene, QemuEvent) if pair[1].kind in CRASH_KINDS]
    if crashes:
        return found(_crashed(*crashes[0]))
    ends = vanished(case)
    if not ends:
        return absent(case, "no QEMU faulted or failed an assertion", "qemu")
    if is_accounted_for(case):
        return cleared("something else ended QEMU", ends[0][0].event.lines[0].source)
    happening, event = ends[0]
    return found(
        explained(
            ID,
            qemu_subject(happening, event),
            POSSIBLE - 0.1,
            summary="QEMU ended, and neither a fault nor a kill was written down",
            lines=[proof(happening, f"libvirt calls it {event.reason}")],
        )
    )


def _crashed(happening: Happening, event: QemuEvent) -> Finding:
    said = f": {event.reason}" if event.reason else ""
    return explained(
        ID,
        qemu_subject(happening, event),
        CERTAIN - 0.01,
        summary=f"QEMU crashed by itself ({event.kind}{said})"[:300],
        lines=[proof(happening, _MEANINGS[event.kind])],
    )
