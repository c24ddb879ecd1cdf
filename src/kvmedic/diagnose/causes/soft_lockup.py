"""soft-lockup: a CPU was stuck in the kernel for tens of seconds (soft or hard lockup, RCU stall).

On a host it stops guests; in a guest's log it often means that the host did not let it run.
"""

from __future__ import annotations

from kvmedic.diagnose.after_failure import after_failure

ID = "soft-lockup"
CAUSE = after_failure(ID, "A CPU was stuck in the kernel")
