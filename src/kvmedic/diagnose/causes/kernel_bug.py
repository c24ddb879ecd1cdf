"""kernel-bug: the host's kernel hit a bug: an oops, BUG, or a warning that broke something.

The first call trace counts; those that follow are its consequences.
"""

from __future__ import annotations

from kvmedic.diagnose.after_failure import after_failure

ID = "kernel-bug"
CAUSE = after_failure(ID, "The host's kernel hit a bug")
