"""Puts one snapshot before every cause of the catalogue that it can show."""

from __future__ import annotations

from collections.abc import Sequence

from kvmedic.diagnose.catalogue import LIVING
from kvmedic.model.finding import Cause, Judgement
from kvmedic.model.snapshot import Snapshot

Judged = tuple[tuple[Cause, Judgement], ...]


def judge(snapshot: Snapshot, causes: Sequence[Cause] = LIVING) -> Judged:
    """What each cause says of a living host's ``snapshot``, in the order of the catalogue."""
    return tuple((cause, cause.examine(snapshot)) for cause in causes)
