"""Puts the hand-written snapshots and plans of other tests within reach."""

from __future__ import annotations

import sys
from pathlib import Path

for folder in ("diagnose", "execute"):
    sys.path.insert(0, str(Path(__file__).parents[1] / folder))
