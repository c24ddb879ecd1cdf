"""manual-oom: somebody made the kernel kill for memory (SysRq f), so memory was not the reason.

The log has order=-1 and the line "Manual OOM execution".
"""

from __future__ import annotations

from kvmedic.diagnose.after_failure import after_failure

ID = "manual-oom"
CAUSE = after_failure(ID, "Somebody asked the kernel to kill for memory")
