"""split-lock-throttled: the kernel slows down a task that uses split locks (x86, split_lock_detect), and a
guest crawls.

Its vCPU threads are named in the kernel's log; memory and CPUs are free.
"""

from __future__ import annotations

from kvmedic.diagnose.after_failure import after_failure

ID = "split-lock-throttled"
CAUSE = after_failure(ID, "A guest's split locks are slowed down on purpose")
