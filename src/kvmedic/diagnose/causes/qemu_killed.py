"""qemu-killed: a signal that somebody sent ended QEMU, and it was not the kernel for memory.

QEMU's log names the sender ("terminating on signal 15 from pid"), audit logs others.
"""

from __future__ import annotations

from kvmedic.diagnose.after_failure import after_failure

ID = "qemu-killed"
CAUSE = after_failure(ID, "Somebody killed QEMU")
