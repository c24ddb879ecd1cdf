"""All causes, in one tuple, in the order in which equals are shown. A new cause is added here by hand."""

from __future__ import annotations

from kvmedic.diagnose.causes import balloon_stranded_memory
from kvmedic.model.finding import Cause

CAUSES: tuple[Cause, ...] = (balloon_stranded_memory.CAUSE,)
