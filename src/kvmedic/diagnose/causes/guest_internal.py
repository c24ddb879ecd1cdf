"""guest-internal: the guest failed by itself: its own OOM killer, panic or fault, on a host that was well.

The log comes from a virtual machine, or the host has no trace of anything.
"""

from __future__ import annotations

from kvmedic.diagnose.after_failure import after_failure

ID = "guest-internal"
CAUSE = after_failure(ID, "The failure came from inside the guest")
