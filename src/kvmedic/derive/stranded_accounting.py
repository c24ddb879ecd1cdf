"""Stranded memory of one domain by the accounting of its control group: no page map, no root, constant time.

The LRU lists count a folio whole, the group's mapped anonymous memory counts its mapped pages only
(mm/memcontrol.c, NR_ANON_MAPPED). What the lists of swap-backed memory hold beyond mapped anonymous memory,
shmem and the swap cache is memory of folios of which pages were discarded. Agrees with the page map to the
byte where nothing blurs it (measured: 6.18 with cgroup v1, 6.1 with v2).

What blurs it:
- Statistics are kept per CPU in batches of 64 pages (MEMCG_CHARGE_BATCH), each of the five by itself; and
  11 MiB were left after a complete release (folios on their way to or from a list). Both make the floor.
- Locked pages are on the unevictable list, which is not split by kind: where it is long, no claim is made.
- Before 5.9, "rss" and "anon" counted charged pages, so the difference was 0 whatever was stranded; such
  kernels lack the counter workingset_refault_anon.
"""

from __future__ import annotations

from collections.abc import Mapping

from kvmedic.derive.cgroup_of import counter_of, mapped_anonymous_bytes, sharing_gap
from kvmedic.derive.host_stranded import MEASURED_RESIDUE_BYTES
from kvmedic.model.domain import CgroupFacts, ProcessFacts, StrandedReading
from kvmedic.model.gap import Missing, Reason
from kvmedic.units import human_bytes

STATISTICS = 5
BATCH_PAGES = 64
_SOURCE = "stranded memory by accounting"
_MARK_OF_NATIVE_COUNTERS = "workingset_refault_anon"


def accounting_floor_bytes(cpus: int, page_size_bytes: int) -> int:
    """The largest reading that means nothing, which is also the error of any reading."""
    return MEASURED_RESIDUE_BYTES + STATISTICS * BATCH_PAGES * cpus * page_size_bytes


def derive_stranded_by_accounting(
    cgroup: CgroupFacts | Missing,
    process: ProcessFacts | Missing,
    floor_bytes: int,
    mapcount_gap: Missing | None,
    vmstat: Mapping[str, int] | Missing,
) -> StrandedReading | Missing:
    """Bytes stranded in the domain's group, never below 0, with the error; else why there is no reading."""
    if isinstance(cgroup, Missing):
        return cgroup
    if gap := sharing_gap(cgroup, process):
        return gap
    if mapcount_gap is not None:
        return mapcount_gap
    if isinstance(cgroup.stat, Missing):
        return cgroup.stat
    if not _counts_mapped_pages(cgroup.stat, vmstat):
        return _unsupported("this kernel may count charged instead of mapped pages (older than 5.9)")
    return _reading(cgroup, floor_bytes)


def _reading(cgroup: CgroupFacts, floor_bytes: int) -> StrandedReading | Missing:
    active, inactive = counter_of(cgroup, "active_anon"), counter_of(cgroup, "inactive_anon")
    mapped, shmem = mapped_anonymous_bytes(cgroup), counter_of(cgroup, "shmem")
    if active is None or inactive is None or mapped is None or shmem is None:
        detail = f"memory.stat of {cgroup.path} lacks one of its terms"
        return Missing(source=_SOURCE, reason=Reason.NOT_FOUND, detail=detail)
    locked = counter_of(cgroup, "unevictable") or 0
    if locked > floor_bytes:
        return _unsupported(f"{human_bytes(locked)} of the group are locked, which hides what is stranded")
    cached, is_unknown = _swap_cached(cgroup)
    reading = active + inactive - mapped - shmem - cached
    return StrandedReading(
        method="lru-accounting",
        bytes=max(0, reading),
        blocks=None,
        error_bytes=floor_bytes + locked + is_unknown,
    )


def _swap_cached(cgroup: CgroupFacts) -> tuple[int, int]:
    """Bytes in the swap cache, and how many more there may be (all that is swapped) where nothing says."""
    cached = counter_of(cgroup, "swapcached")
    return (cached, 0) if cached is not None else (0, counter_of(cgroup, "swap") or 0)


def _counts_mapped_pages(stat: Mapping[str, int], vmstat: Mapping[str, int] | Missing) -> bool:
    is_in_vmstat = not isinstance(vmstat, Missing) and _MARK_OF_NATIVE_COUNTERS in vmstat
    return is_in_vmstat or _MARK_OF_NATIVE_COUNTERS in stat


def _unsupported(detail: str) -> Missing:
    return Missing(source=_SOURCE, reason=Reason.UNSUPPORTED, detail=detail)
