"""All remedies, gentlest first: the order in which they are shown and recommended."""

from __future__ import annotations

from kvmedic.plan.remedies import (
    compact_memory,
    deflate_balloon,
    disable_balloon,
    enable_free_page_reporting,
    evacuate_host,
    migrate_domain,
    pin_memory,
    raise_cgroup_limit,
    reboot_host,
    release_stranded_memory,
    tune_host,
)
from kvmedic.plan.situation import Remedy

REMEDIES: tuple[Remedy, ...] = (
    release_stranded_memory.REMEDY,
    raise_cgroup_limit.REMEDY,
    compact_memory.REMEDY,
    tune_host.REMEDY,
    deflate_balloon.REMEDY,
    pin_memory.REMEDY,
    enable_free_page_reporting.REMEDY,
    disable_balloon.REMEDY,
    migrate_domain.REMEDY,
    evacuate_host.REMEDY,
    reboot_host.REMEDY,
)


def remedy_of(remedy_id: str) -> Remedy | None:
    """The remedy with this id, or None."""
    return next((remedy for remedy in REMEDIES if remedy.id == remedy_id), None)
