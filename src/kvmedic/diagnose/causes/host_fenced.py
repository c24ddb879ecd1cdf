"""host-fenced: a watchdog or the cluster's fencing reset the host on purpose.

The reason is in the cluster's logs; often this host could not write or answer in time.
"""

from __future__ import annotations

from kvmedic.diagnose.after_failure import after_failure

ID = "host-fenced"
CAUSE = after_failure(ID, "A watchdog or the cluster reset the host")
