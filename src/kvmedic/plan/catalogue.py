"""All remedies, gentlest first: the order in which they are shown and recommended."""

from __future__ import annotations

from kvmedic.plan.remedies import release_stranded_memory
from kvmedic.plan.situation import Remedy

REMEDIES: tuple[Remedy, ...] = (release_stranded_memory.REMEDY,)


def remedy_of(remedy_id: str) -> Remedy | None:
    """The remedy with this id, or None."""
    return next((remedy for remedy in REMEDIES if remedy.id == remedy_id), None)
