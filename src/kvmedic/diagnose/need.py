"""How much the host needs memory now: severity follows need, not size."""

from __future__ import annotations

from kvmedic.model.finding import Because, Severity
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.memory import Meminfo
from kvmedic.model.record import Record
from kvmedic.model.snapshot import Snapshot
from kvmedic.units import GIB, human_bytes

SHORT_SHARE = 0.10
"""Below this share of MemTotal available, an ordinary burst of one guest can exhaust the host."""
SHORT_BYTES_CAP = 32 * GIB
"""On large hosts a tenth is more than any burst needs; beyond this much available, memory is not short."""


class Need(Record, frozen=True, kw_only=True):
    """Whether the host is short of memory now, and by which reading.

    ``total_bytes`` is ordinary memory: hugetlb pools are set aside and never available. ``available_bytes``
    is MemAvailable with what ZFS's cache gives back under pressure, which the kernel does not count to it.
    """

    is_short: bool
    available_bytes: int
    total_bytes: int
    reason: Because

    def severity(self, when_short: Severity = Severity.WARNING) -> Severity:
        """The severity of a loss of memory on this host."""
        return when_short if self.is_short else Severity.INFO


def short_threshold_bytes(total_bytes: int) -> int:
    """Available memory below which a host of ``total_bytes`` counts as short."""
    return min(int(total_bytes * SHORT_SHARE), SHORT_BYTES_CAP)


def memory_need(snapshot: Snapshot) -> Need | Missing:
    """Judges MemAvailable, and ZFS's cache with it, against MemTotal; a gap where meminfo is one."""
    meminfo = snapshot.memory.meminfo
    if isinstance(meminfo, Missing):
        return meminfo
    available, total = meminfo.get("MemAvailable"), meminfo.get("MemTotal")
    if available is None or total is None:
        return Missing(
            source=meminfo.source, reason=Reason.NOT_FOUND, detail="no MemAvailable or MemTotal in it"
        )
    pools = hugetlb_bytes(meminfo)
    apart = f", {human_bytes(pools)} more in hugetlb pools" if pools else ""
    cache = snapshot.memory.zfs_arc.yields_bytes if snapshot.memory.zfs_arc else 0
    yields = f", {human_bytes(cache)} more in ZFS's cache, which gives back slowly" if cache else ""
    text = f"{human_bytes(available)} of {human_bytes(total - pools)} available{yields}{apart}"
    return Need(
        is_short=available + cache < short_threshold_bytes(total - pools),
        available_bytes=available + cache,
        total_bytes=total - pools,
        reason=Because(text=text, source="proc/meminfo", line=None),
    )


def hugetlb_bytes(meminfo: Meminfo) -> int:
    """All hugetlb pools, used or not: the row Hugetlb; on older kernels the pool of the default size."""
    every_size = meminfo.get("Hugetlb")
    if every_size is not None:
        return every_size
    return meminfo.counts.get("HugePages_Total", 0) * (meminfo.get("Hugepagesize") or 0)
