"""host-reset-unlogged: the host restarted and its logs end in the middle: no shutdown, no panic.

Power, firmware, hardware or a hard watchdog; the boot id changed and nothing else was written.
"""

from __future__ import annotations

from kvmedic.diagnose.after_failure import after_failure

ID = "host-reset-unlogged"
CAUSE = after_failure(ID, "The host restarted without a word in its logs")
