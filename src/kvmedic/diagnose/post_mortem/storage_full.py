"""storage-full: the storage had no space left, and QEMU paused the guest instead of telling it of an error.

QEMU's default for writes (werror=enospc) stops the guest on ENOSPC; it goes on when space is made and it is
resumed.
"""

from __future__ import annotations

from kvmedic.diagnose.post_mortem.actors import is_qemu, qemu_subject
from kvmedic.diagnose.post_mortem.said import CERTAIN, FAIR, POSSIBLE, SURE, absent, explained, of_kind, proof
from kvmedic.diagnose.verdicts import found
from kvmedic.model.case import Case, Happening
from kvmedic.model.finding import Finding, Judgement, Severity
from kvmedic.model.log_event import QemuEvent, StorageError
from kvmedic.model.subjects import HOST

ID = "storage-full"
_NO_SPACE = 28


def explain(case: Case) -> Judgement:
    """Guests paused on ENOSPC; else programs that met it."""
    for happening, event in of_kind(case.scene, QemuEvent):
        if event.kind == "paused-io-error" and event.errno == _NO_SPACE:
            return found(
                explained(
                    ID,
                    qemu_subject(happening, event),
                    CERTAIN,
                    summary="the storage under the guest was full, so QEMU paused it; it is not memory",
                    lines=[proof(happening, "ENOSPC: no space left, the guest stands still")],
                )
            )
    for happening, error in of_kind(case.scene, StorageError):
        if error.kind == "no-space" and error.device is not None:
            return found(_full_below(happening, error))
        if error.kind == "no-space":
            is_ours = is_qemu(error.identifier) or "libvirt" in (error.identifier or "")
            return found(
                explained(
                    ID,
                    HOST,
                    FAIR + 0.1 if is_ours else POSSIBLE,
                    summary="a file system of the host was full",
                    lines=[proof(happening, "no space left")],
                    severity=Severity.CRITICAL if is_ours else Severity.WARNING,
                )
            )
    return absent(case, "nothing met a full disk", "kernel")


def _full_below(happening: Happening, error: StorageError) -> Finding:
    """The kernel itself says which pool or file system is full: what lies on it fails or stands still."""
    return explained(
        ID,
        HOST,
        SURE,
        summary=f"{error.device} has no space left: what lies on it fails or stands still",
        lines=[proof(happening, "the kernel met a full pool or file system")],
    )
