"""Facts of memory derived from several sources: what the numbers mean."""

from __future__ import annotations

from collections.abc import Mapping

from kvmedic.model.gap import Missing
from kvmedic.model.memory import (
    HugepagePool,
    Meminfo,
    Pressure,
    SlabCache,
    Swap,
    TransparentHugepages,
    Zone,
)
from kvmedic.model.record import Record


class ZoneFacts(Record, frozen=True, kw_only=True):
    """One zone: its free blocks and what they are good for.

    ``unusable_index[o]`` is the share of free memory that no request of order ``o`` can use (0 good, 1 bad);
    ``fragmentation_index[o]`` is None where such a request would succeed, else 0 (too little memory)
    to 1 (fragmented), rarely below 0 (one or two free blocks in all): mm/vmstat.c fill_contig_page_info,
    computed from /proc/buddyinfo.
    ``blocks_at_least[o]`` is how many disjoint blocks of order ``o`` could be handed out now.
    """

    node: int
    zone: str
    free_blocks: tuple[int, ...]
    free_pages: int
    blocks_at_least: tuple[int, ...]
    unusable_index: tuple[float, ...]
    fragmentation_index: tuple[float | None, ...]
    zoneinfo: Zone | Missing


class NodeFacts(Record, frozen=True, kw_only=True):
    """One NUMA node: its meminfo and its hugepage pools. ``cpus`` is the kernel's list ("0-3,8")."""

    node: int
    meminfo: Meminfo | Missing
    hugepages: tuple[HugepagePool, ...]
    cpus: str | Missing


class Rates(Record, frozen=True, kw_only=True):
    """Counters of /proc/vmstat as growth per second between two readings of one boot.

    A counter that fell (a reset) is left out. A total since boot is never a rate.
    """

    interval_s: float
    per_second: Mapping[str, float]

    def of(self, counter: str) -> float | None:
        """Growth per second of ``counter``; None where this kernel does not have it."""
        return self.per_second.get(counter)


class DemandedOrder(Record, frozen=True, kw_only=True):
    """An order of block that this host asks for, by whom, and what happens when there is none."""

    order: int
    user: str
    on_failure: str
    source: str


class Ledger(Record, frozen=True, kw_only=True):
    """Where the host's memory is, in bytes; the parts and ``unaccounted`` add up to ``total``.

    The parts are all but ``guests_maximum``, ``guests_actual`` and ``if_all_deflate_short``; a part that is a
    gap is in another one or in ``unaccounted`` (derive.ledger says which). ``guests_*`` sum over running
    domains; ``guests_rss`` is what their processes map of anonymous and shared memory, without file pages.
    ``if_all_deflate_short`` is how many bytes of RAM the host would lack if every guest wrote to all of its
    maximum (0 or less: it fits), swap not counted; a gap where a domain's maximum is unknown.
    """

    total: int
    free: int
    guests_maximum: int | Missing
    guests_actual: int | Missing
    guests_rss: int | Missing
    anonymous_other: int
    stranded: int | Missing
    page_cache: int
    shmem: int
    slab: int
    hugetlb: int
    kernel: int
    unaccounted: int
    if_all_deflate_short: int | Missing


class ArcFacts(Record, frozen=True, kw_only=True):
    """The cache of OpenZFS: its size now, and the sizes between which it lets itself be moved, in bytes.

    It is in no process and no row of meminfo, and not in MemAvailable, though it gives back under pressure.
    """

    size_bytes: int
    least_bytes: int
    most_bytes: int

    @property
    def yields_bytes(self) -> int:
        """What it can give back."""
        return max(self.size_bytes - self.least_bytes, 0)


class MemoryFacts(Record, frozen=True, kw_only=True):
    """The memory of the host. Every field that a host may not show is a gap when it did not."""

    page_size_bytes: int
    meminfo: Meminfo | Missing
    zones: tuple[ZoneFacts, ...] | Missing
    nodes: tuple[NodeFacts, ...] | Missing
    vmstat: Mapping[str, int] | Missing
    rates: Rates | Missing
    pressure_memory: Pressure | Missing
    pressure_cpu: Pressure | Missing
    pressure_io: Pressure | Missing
    hugepages: tuple[HugepagePool, ...] | Missing
    swaps: tuple[Swap, ...] | Missing
    thp: TransparentHugepages | Missing
    ksm: Mapping[str, int] | Missing
    zfs_arc: ArcFacts | None
    """None where there is no OpenZFS, or nobody read of it."""
    kvm_vcpu_slab: SlabCache | Missing
    demanded_orders: tuple[DemandedOrder, ...]
    ledger: Ledger | Missing
    stranded_bytes: int | Missing
    """Active(anon) + Inactive(anon) − AnonPages − Shmem − SwapCached of the whole host: what is stranded for
    certain. 0 where that does not exceed the floor of the method (derive.host_stranded)."""
