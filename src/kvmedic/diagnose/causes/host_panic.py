"""host-panic: the host's kernel panicked.

The text after "Kernel panic - not syncing" names the trigger: no killable task, panic_on_oom, a lockup, a
bug.
"""

from __future__ import annotations

from kvmedic.diagnose.after_failure import after_failure

ID = "host-panic"
CAUSE = after_failure(ID, "The host's kernel panicked")
