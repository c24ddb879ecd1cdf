"""Who it was: the host, the guest, neither (storage, a person, a program), or unknown."""

from __future__ import annotations

from kvmedic.model.finding import Finding
from kvmedic.model.report import Blame

UNSURE = 0.4
"""Below this the first cause is a guess, and nobody is blamed."""
_GUEST = frozenset({"guest-internal", "split-lock-throttled"})
_NEITHER = frozenset({"manual-oom", "qemu-killed", "storage-stall", "storage-full", "backup-job"})
_UNKNOWN = frozenset({"unexplained"})


def blame_of(findings: list[Finding], *, is_guest_log: bool) -> Blame:
    """By the first finding. A guest's own log that shows a guest's own failure clears the host."""
    if not findings or findings[0].confidence < UNSURE or findings[0].cause in _UNKNOWN:
        return "unknown"
    cause = findings[0].cause
    if cause in _GUEST:
        return "guest"
    if cause in _NEITHER:
        return "neither"
    return "unknown" if is_guest_log and cause not in ("balloon-over-inflated",) else "host"
