"""Puts one snapshot before every cause of the catalogue."""

from __future__ import annotations

from collections.abc import Sequence

from kvmedic.diagnose.catalogue import CAUSES
from kvmedic.model.finding import Cause, Judgement
from kvmedic.model.snapshot import Snapshot

Judged = tuple[tuple[Cause, Judgement], ...]


def judge(snapshot: Snapshot, causes: Sequence[Cause] = CAUSES) -> Judged:
    """What each cause says of ``snapshot``, in the order of the catalogue."""
    return tuple((cause, cause.examine(snapshot)) for cause in causes)
