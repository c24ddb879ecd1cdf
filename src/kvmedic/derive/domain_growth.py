"""What changed of a domain between the two readings of one examination."""

from __future__ import annotations

import msgspec

from kvmedic.derive.balloon import balloon_bytes
from kvmedic.derive.cgroup_of import counter_of
from kvmedic.derive.domain_sources import Context, Sources
from kvmedic.derive.reading import read_again_with
from kvmedic.model.domain import CgroupFacts, DomainGrowth
from kvmedic.model.gap import Missing
from kvmedic.parse.cgroup import parse_cgroup_counters
from kvmedic.parse.process_status import parse_process_status

THP_COUNTERS = ("rss_huge", "anon_thp")
"""Of memory.stat of version 1 and of version 2."""


def derive_growth(context: Context, sources: Sources) -> DomainGrowth | None:
    """The changes; None where there was no second reading of a running domain."""
    interval_s = context.evidence.interval_s
    if isinstance(interval_s, Missing) or isinstance(sources.process, Missing):
        return None
    status = read_again_with(context.evidence, f"proc/{sources.process.pid}/status", parse_process_status)
    rss = None if isinstance(status, Missing) else status.rss_bytes
    return DomainGrowth(
        interval_s=interval_s,
        balloon_actual_bytes=_change(
            balloon_bytes(sources.stats, "current"), balloon_bytes(sources.stats_again, "current")
        ),
        rss_bytes=_change(sources.process.rss_bytes, rss),
        thp_bytes=_huge_pages(context, sources.cgroup),
    )


def _huge_pages(context: Context, cgroup: CgroupFacts | Missing) -> int | None:
    """Of its group alone; where several QEMUs share one, nobody knows whose they are."""
    if isinstance(cgroup, Missing) or isinstance(context.hierarchy, Missing) or len(cgroup.qemu_pids) != 1:
        return None
    path = f"{context.hierarchy.directory}/{cgroup.path}/memory.stat"
    stat = read_again_with(context.evidence, path, parse_cgroup_counters)
    again = msgspec.structs.replace(cgroup, stat=stat)
    return _change(counter_of(cgroup, *THP_COUNTERS), counter_of(again, *THP_COUNTERS))


def _change(before: int | Missing | None, after: int | Missing | None) -> int | None:
    if before is None or after is None or isinstance(before, Missing) or isinstance(after, Missing):
        return None
    return after - before
