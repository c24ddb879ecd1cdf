"""The cache of OpenZFS, which the kernel's own counters do not show."""

from __future__ import annotations

from kvmedic.derive.reading import read_with
from kvmedic.model.evidence import Evidence
from kvmedic.model.gap import Missing
from kvmedic.model.zone_facts import ArcFacts
from kvmedic.parse.arcstats import parse_arcstats

ARCSTATS = "proc/spl/kstat/zfs/arcstats"


def derive_zfs_arc(evidence: Evidence) -> ArcFacts | None:
    """Its sizes; None where there is no OpenZFS, or its file tells no size."""
    stats = read_with(evidence, ARCSTATS, parse_arcstats)
    if isinstance(stats, Missing) or "size" not in stats:
        return None
    size = stats["size"]
    return ArcFacts(
        size_bytes=size, least_bytes=stats.get("c_min", size), most_bytes=stats.get("c_max", size)
    )
