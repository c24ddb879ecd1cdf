"""guest-paused after a failure: QEMU stopped the guest: an internal error of KVM, or an I/O error.

A full disk is a cause of its own (storage-full).
"""

from __future__ import annotations

from kvmedic.diagnose.post_mortem.actors import qemu_subject
from kvmedic.diagnose.post_mortem.said import POSSIBLE, SURE, absent, explained, of_kind, proof
from kvmedic.diagnose.verdicts import found
from kvmedic.model.case import Case
from kvmedic.model.finding import Judgement
from kvmedic.model.log_event import QemuEvent, StorageError

ID = "guest-paused"
_NO_SPACE = 28
_MEANINGS = {
    "kvm-internal-error": "KVM could not go on with this guest (internal error)",
    "vcpu-error": "a vCPU could not run any more",
    "paused-io-error": "QEMU paused the guest for an I/O error",
}


def explain(case: Case) -> Judgement:
    """KVM errors and I/O errors that pause a guest."""
    for happening, event in of_kind(case.scene, QemuEvent):
        meaning = _MEANINGS.get(event.kind)
        if meaning is None or (event.kind == "paused-io-error" and event.errno == _NO_SPACE):
            continue
        return found(
            explained(
                ID,
                qemu_subject(happening, event),
                _confidence(case, event),
                summary=f"{meaning}; it stands still until somebody resumes or resets it",
                lines=[proof(happening, meaning)],
            )
        )
    return absent(case, "no guest was paused by an error", "qemu")


def _confidence(case: Case, event: QemuEvent) -> float:
    if event.kind != "paused-io-error":
        return SURE
    is_seen_below = any(True for _ in of_kind(case.scene, StorageError))
    return POSSIBLE if is_seen_below else 0.7
