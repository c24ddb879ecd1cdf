"""QEMU processes that ended badly, and whether anything in the scene accounts for it."""

from __future__ import annotations

from kvmedic.diagnose.post_mortem.actors import is_qemu
from kvmedic.diagnose.post_mortem.said import of_kind
from kvmedic.model.case import Case, Happening, UnloggedEnd
from kvmedic.model.log_event import (
    HardwareError,
    KernelFault,
    LimitHit,
    OomReport,
    QemuEvent,
    UserspaceOomEvent,
)

CRASH_KINDS = frozenset({"segfault", "assertion"})
_BAD = frozenset({"crashed", "failed", "unknown"})


def vanished(case: Case) -> list[tuple[Happening, QemuEvent]]:
    """Ends of a QEMU that had been running: not a start that failed."""
    return [pair for pair in bad_ends(case) if pair[1].reason != "failed"]


def bad_ends(case: Case) -> list[tuple[Happening, QemuEvent]]:
    """Ends that libvirt calls crashed, failed or unknown."""
    return [
        pair
        for pair in of_kind(case.scene, QemuEvent)
        if pair[1].kind == "stopped" and pair[1].reason in _BAD
    ]


def is_accounted_for(case: Case) -> bool:
    """Whether a kill, a crash, an error or a panic of the scene explains the end of a QEMU."""
    return any(_ends_qemu(happening) for happening in case.scene)


def _ends_qemu(happening: Happening) -> bool:
    match happening.event:
        case OomReport() as report:
            return any(is_qemu(victim.comm) for victim in report.victims) or bool(happening.domain)
        case QemuEvent() as event:
            return event.kind in CRASH_KINDS or event.kind in (
                "signalled",
                "start-failed",
                "kvm-internal-error",
            )
        case UserspaceOomEvent() as event:
            return event.kind == "killed"
        case HardwareError() as error:
            return error.killed is not None
        case KernelFault() as fault:
            return fault.kind == "panic"
        case LimitHit() | UnloggedEnd():
            return True
        case _:
            return False
