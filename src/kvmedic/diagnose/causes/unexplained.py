"""unexplained: nothing that was read explains the failure.

The honest answer where no cause has evidence; with it comes a list of what to collect for the next time.
"""

from __future__ import annotations

from kvmedic.diagnose.after_failure import after_failure

ID = "unexplained"
CAUSE = after_failure(ID, "Nothing explains the failure")
