"""userspace-oom-killer: a daemon (systemd-oomd, earlyoom, oomd, nohang) killed before the kernel would have.

No kernel line says so; the daemon's own line in the journal does.
"""

from __future__ import annotations

from kvmedic.diagnose.after_failure import after_failure

ID = "userspace-oom-killer"
CAUSE = after_failure(ID, "A daemon killed before the kernel would have")
