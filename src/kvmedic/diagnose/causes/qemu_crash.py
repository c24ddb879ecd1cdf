"""qemu-crash: QEMU ended by a fault or an assertion of its own.

A signal 11 or 6 that nobody sent, or an assertion in the domain's log.
"""

from __future__ import annotations

from kvmedic.diagnose.after_failure import after_failure

ID = "qemu-crash"
CAUSE = after_failure(ID, "QEMU crashed by itself")
