"""storage-full: the storage of a guest's disk is full, so that QEMU paused the guest.

No space left on device (28) in the domain's log, from the host or from thin provisioning.
"""

from __future__ import annotations

from kvmedic.diagnose.after_failure import after_failure

ID = "storage-full"
CAUSE = after_failure(ID, "The disk below a guest is full")
