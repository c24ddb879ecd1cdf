"""Nouns of the kernel's memory reports: OOM kills, failed page allocations, failed slab allocations.

Every field is what the report said; ``None`` means it did not say (old kernel, cut short, interleaved),
never zero. Sources: mm/oom_kill.c, mm/page_alloc.c and mm/show_mem.c, mm/memcontrol.c, mm/slub.c.
"""

from __future__ import annotations

from typing import Literal

from kvmedic.model.log_line import Event
from kvmedic.model.record import Record

Constraint = Literal["CONSTRAINT_NONE", "CONSTRAINT_CPUSET", "CONSTRAINT_MEMORY_POLICY", "CONSTRAINT_MEMCG"]


class GfpMask(Record, frozen=True, kw_only=True):
    """The request's flags (include/linux/gfp_types.h), decoded from names or from the bits of an old kernel.

    ``names`` are expanded to single ``__GFP_`` flags where the report named them. ``can_direct_reclaim`` is
    false for atomic requests; ``may_use_fs`` false means the OOM killer is not called; ``may_fail_early``
    is NORETRY or RETRY_MAYFAIL.
    """

    raw: str
    value: int | None
    names: tuple[str, ...]
    can_direct_reclaim: bool | None
    is_atomic: bool | None
    may_use_fs: bool | None
    may_fail_early: bool | None
    must_not_fail: bool | None
    is_movable: bool | None
    is_this_node_only: bool | None


class FreeBlocks(Record, frozen=True, kw_only=True):
    """Free blocks of one order in one zone; ``letters`` name their types (U M E H C I), None before 3.9."""

    order: int
    count: int
    letters: str | None


class ZoneReport(Record, frozen=True, kw_only=True):
    """One zone of one NUMA node as the report shows it; sizes in bytes, ``other`` keeps every further key."""

    node: int | None
    zone: str
    free_bytes: int | None
    boost_bytes: int | None
    min_bytes: int | None
    low_bytes: int | None
    high_bytes: int | None
    reserved_highatomic_bytes: int | None
    free_highatomic_bytes: int | None
    free_cma_bytes: int | None
    present_bytes: int | None
    managed_bytes: int | None
    is_all_unreclaimable: bool | None
    other: dict[str, int]
    lowmem_reserve_pages: tuple[int, ...]
    blocks: tuple[FreeBlocks, ...]


class NodeReport(Record, frozen=True, kw_only=True):
    """One NUMA node's line (4.8 and later); sizes in bytes by the kernel's key."""

    node: int
    sizes_bytes: dict[str, int]
    is_all_unreclaimable: bool | None


class HugepagesReport(Record, frozen=True, kw_only=True):
    """``Node 0 hugepages_total=… hugepages_free=…`` for one node and one page size."""

    node: int
    size_bytes: int
    total: int
    free: int
    surplus: int
    reserved: int | None


class MemInfoReport(Record, frozen=True, kw_only=True):
    """The Mem-Info part: global counters in pages by the kernel's key, nodes, zones, hugepages, swap.

    ``unreclaimable_slabs_bytes`` is the table of the largest caches (total size by name) that the kernel
    prints when unreclaimable slab outweighs all user memory (4.15 and later); None where it did not.
    """

    pages: dict[str, int]
    nodes: tuple[NodeReport, ...]
    zones: tuple[ZoneReport, ...]
    hugepages: tuple[HugepagesReport, ...]
    swap_total_bytes: int | None
    swap_free_bytes: int | None
    ram_pages: int | None
    reserved_pages: int | None
    page_bytes: int
    unreclaimable_slabs_bytes: dict[str, int] | None = None


class TaskRow(Record, frozen=True, kw_only=True):
    """One row of the task table, by the names of its header; counts are pages, page tables bytes."""

    pid: int
    tgid: int | None
    uid: int | None
    name: str
    total_vm_pages: int | None
    rss_pages: int | None
    rss_anon_pages: int | None
    rss_shmem_pages: int | None
    swap_pages: int | None
    pgtables_bytes: int | None
    oom_score_adj: int | None


class MemcgReport(Record, frozen=True, kw_only=True):
    """The cgroup that ran into its limit; ``stat_bytes`` are the lines below it (``anon``, ``file``, …)."""

    oom_memcg: str | None
    task_memcg: str | None
    usage_bytes: int | None
    limit_bytes: int | None
    failcnt: int | None
    swap_usage_bytes: int | None
    swap_limit_bytes: int | None
    stat_bytes: dict[str, int]


class Task(Record, frozen=True, kw_only=True):
    """Who: a task as a report names it. ``comm`` is at most 15 characters; a vCPU is ``CPU 2/KVM``."""

    comm: str | None
    pid: int | None
    cpu: int | None


class Victim(Record, frozen=True, kw_only=True):
    """Whom the OOM killer killed, with what the kill line said; sizes in bytes."""

    comm: str | None
    pid: int
    uid: int | None
    score: int | None
    oom_score_adj: int | None
    total_vm_bytes: int | None
    anon_rss_bytes: int | None
    file_rss_bytes: int | None
    shmem_rss_bytes: int | None
    pgtables_bytes: int | None
    is_reaped: bool | None


class OomReport(Event, frozen=True, kw_only=True, tag="oom-report"):
    """One run of the OOM killer: who asked, why nothing was left, who died.

    ``is_memcg`` and ``is_manual`` are decided by constraint, order -1 and the old memcg wording.
    ``tasks`` are the largest by resident pages, ``tasks_total`` how many rows there were.
    ``is_complete`` is false where the header or the end is missing.
    """

    requester: Task | None
    gfp: GfpMask | None
    order: int | None
    requester_oom_score_adj: int | None
    constraint: Constraint | None
    is_memcg: bool | None
    is_manual: bool
    nodemask: str | None
    cpuset: str | None
    mems_allowed: str | None
    memcg: MemcgReport | None
    mem_info: MemInfoReport | None
    tasks: tuple[TaskRow, ...]
    tasks_total: int | None
    qemu_tasks_total: int | None
    chosen: Task | None
    chosen_memcg: str | None
    victims: tuple[Victim, ...]
    is_nothing_killable: bool
    hardware_name: str | None
    kernel_release: str | None
    call_trace: tuple[str, ...]
    is_complete: bool


class PageAllocationFailure(Event, frozen=True, kw_only=True, tag="page-allocation-failure"):
    """A request for 2^order pages failed; nobody was killed. ``kind`` vmalloc has ``size_bytes``, no order.

    ``is_in_interrupt``: the trace shows an interrupt stack, so the requester is an innocent bystander.
    """

    kind: Literal["page", "vmalloc", "stall"]
    requester: Task
    order: int | None
    size_bytes: int | None
    stalled_ms: int | None
    gfp: GfpMask | None
    nodemask: str | None
    cpuset: str | None
    mems_allowed: str | None
    is_in_interrupt: bool | None
    mem_info: MemInfoReport | None
    hardware_name: str | None
    kernel_release: str | None
    call_trace: tuple[str, ...]


class SlubFailure(Event, frozen=True, kw_only=True, tag="slub-failure"):
    """A slab cache could not grow. ``memcg_cache``: ``kmalloc-1024(1793:…)``, one cgroup's own cache."""

    node: int | None
    gfp: GfpMask | None
    cache: str | None
    memcg_cache: str | None
    object_bytes: int | None
    buffer_bytes: int | None
    default_order: int | None
    min_order: int | None
