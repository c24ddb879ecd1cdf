"""qemu-killed: a person or a program ended QEMU with a signal; neither the kernel nor libvirt did.

QEMU names the sender of a SIGTERM, SIGINT or SIGHUP ("terminating on signal 15 from pid …"). A SIGKILL
leaves no line: it is likely only where the kernel's log covers the moment and shows neither a kill nor a
crash.
"""

from __future__ import annotations

from kvmedic.diagnose.post_mortem.actors import qemu_subject
from kvmedic.diagnose.post_mortem.ends import is_accounted_for, vanished
from kvmedic.diagnose.post_mortem.orders import has_known_sender, is_ordered
from kvmedic.diagnose.post_mortem.said import CERTAIN, FAIR, POSSIBLE, SURE, absent, explained, of_kind, proof
from kvmedic.diagnose.verdicts import found
from kvmedic.model.case import Case, Happening
from kvmedic.model.finding import Finding, Judgement
from kvmedic.model.log_event import QemuEvent

ID = "qemu-killed"
NOT_THEM = "neither the kernel nor libvirt killed it"
SIGTERM = 15
_SIGNALS = {1: "SIGHUP", 2: "SIGINT", 9: "SIGKILL", 15: "SIGTERM"}


def explain(case: Case) -> Judgement:
    """Signals with a sender that is not libvirt; else an end that nothing accounts for."""
    for happening, event in of_kind(case.scene, QemuEvent):
        if event.kind == "signalled" and not is_ordered(event):
            return found(_signalled(happening, event))
    ends = vanished(case)
    if ends and not is_accounted_for(case):
        return found(_vanished(case, *ends[0]))
    for happening, event in of_kind((*case.scene, *case.before[-200:]), QemuEvent):
        if event.kind == "signalled":
            return Judgement(
                refuted=(proof(happening, "the signal came from libvirt itself: an ordinary stop"),)
            )
    return absent(case, "no QEMU was ended by a signal", "qemu")


def _signalled(happening: Happening, event: QemuEvent) -> Finding:
    signal = _SIGNALS.get(event.signal or 0, f"signal {event.signal}")
    by = "a process" if event.sender_pid is None else f"process {event.sender_pid}"
    name = f" ({event.sender})" if has_known_sender(event) else ""
    is_unsure = _confidence(event) < SURE
    return explained(
        ID,
        qemu_subject(happening, event),
        _confidence(event),
        summary=f"QEMU was ended by {signal} from {by}{name}; "
        + ("nothing says whether that was libvirt itself" if is_unsure else NOT_THEM),
        lines=[proof(happening, f"QEMU says who sent the signal: {by}{name}")],
    )


def _confidence(event: QemuEvent) -> float:
    """A sender without a name may be libvirt itself; what it calls a crash, or SIGINT, was not its doing."""
    if has_known_sender(event):
        return CERTAIN
    if event.signal != SIGTERM or event.reason not in ("shutdown", None):
        return SURE
    return FAIR + 0.1 if event.reason else POSSIBLE


def _vanished(case: Case, happening: Happening, event: QemuEvent) -> Finding:
    is_watched = case.has_log_of("kernel")
    return explained(
        ID,
        qemu_subject(happening, event),
        FAIR if is_watched else POSSIBLE - 0.1,
        summary="QEMU vanished without a word: a SIGKILL from outside leaves just that",
        lines=[proof(happening, "QEMU was gone, and wrote no reason")],
    )
