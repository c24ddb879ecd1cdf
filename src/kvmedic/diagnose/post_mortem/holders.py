"""Who held the memory when it ran out, from the OOM report's own counters and its task table.

Mem-Info counts what the allocator knows (mm/show_mem.c); what no counter shows is the kernel's or a driver's
(vmalloc, ZFS ARC) or a balloon of the hypervisor below. The task table is cut to the largest tasks.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Literal

from kvmedic.diagnose.post_mortem.actors import is_daemon, is_qemu
from kvmedic.model.log_event import OomReport
from kvmedic.model.memory_report import MemInfoReport, TaskRow
from kvmedic.model.record import Record

HolderKind = Literal["guests", "service", "daemon", "kernel", "shared-memory", "hugetlb"]
_LRU = ("active_anon", "inactive_anon", "active_file", "inactive_file", "unevictable", "isolated_anon")
_OTHER = ("slab_reclaimable", "slab_unreclaimable", "pagetables", "sec_pagetables", "bounce", "free_pcp")


class Holder(Record, frozen=True, kw_only=True):
    """One that held memory: what it is, its name, how much, and its share of the host's memory."""

    kind: HolderKind
    name: str
    bytes: int
    share: float


class Ledger(Record, frozen=True, kw_only=True):
    """The host's memory at the moment of an OOM report; None where the report was cut short.

    ``guests_virtual_bytes`` is the sum of QEMU's address spaces, an upper bound of what the guests may use.
    """

    total_bytes: int | None
    swap_total_bytes: int | None
    swap_free_bytes: int | None
    guests: int
    guests_rss_bytes: int | None
    guests_virtual_bytes: int | None
    balloon_like_bytes: int
    holders: tuple[Holder, ...]

    @property
    def largest(self) -> Holder | None:
        """Whoever held the most."""
        return self.holders[0] if self.holders else None

    def of(self, kind: HolderKind) -> Holder | None:
        """The largest holder of a kind."""
        return next((holder for holder in self.holders if holder.kind == kind), None)


def ledger_of(report: OomReport) -> Ledger:
    """The ledger of one report."""
    memory = report.mem_info
    page = memory.page_bytes if memory else 4096
    total = None if memory is None else total_bytes(memory)
    tasks = [task for task in report.tasks if task.tgid in (None, task.pid)]
    guests = [task for task in tasks if is_qemu(task.name)]
    amounts = _amounts(tasks, memory, page)
    return Ledger(
        total_bytes=total,
        swap_total_bytes=memory.swap_total_bytes if memory else None,
        swap_free_bytes=memory.swap_free_bytes if memory else None,
        guests=len(guests),
        guests_rss_bytes=_sum_rss(guests) * page if tasks else None,
        guests_virtual_bytes=sum((task.total_vm_pages or 0) * page for task in guests) if guests else None,
        balloon_like_bytes=_missing_from_managed(memory),
        holders=tuple(_holders(amounts, total)),
    )


def _holders(amounts: dict[tuple[HolderKind, str], int], total: int | None) -> list[Holder]:
    found = [
        Holder(kind=kind, name=name, bytes=size, share=size / total if total else 0.0)
        for (kind, name), size in amounts.items()
        if size > 0
    ]
    return sorted(found, key=lambda holder: -holder.bytes)


def _amounts(
    tasks: list[TaskRow], memory: MemInfoReport | None, page: int
) -> dict[tuple[HolderKind, str], int]:
    amounts: dict[tuple[HolderKind, str], int] = defaultdict(int)
    for task in tasks:
        rss = ((task.rss_pages or 0) + (task.swap_pages or 0)) * page
        if is_qemu(task.name):
            amounts["guests", "the guests"] += rss
        else:
            amounts["daemon" if is_daemon(task.name) else "service", task.name] += rss
    if memory is not None:
        amounts["kernel", "the kernel"] += kernel_bytes(memory)
        amounts["shared-memory", "shared memory"] += _unmapped_shmem(tasks, memory)
        amounts["hugetlb", "the hugepage pools"] += hugetlb_bytes(memory)
    return amounts


def total_bytes(memory: MemInfoReport) -> int | None:
    """All memory the allocator manages; a zone that the report left out is missed."""
    managed = [zone.managed_bytes or zone.present_bytes for zone in memory.zones]
    if memory.ram_pages is not None:
        return (memory.ram_pages - (memory.reserved_pages or 0)) * memory.page_bytes
    return sum(size for size in managed if size) or None


def hugetlb_bytes(memory: MemInfoReport) -> int:
    """What the hugepage pools take, used or free."""
    return sum(pool.total * pool.size_bytes for pool in memory.hugepages)


def kernel_bytes(memory: MemInfoReport) -> int:
    """Slab that cannot be given back, and what no counter shows; 0 where the counters are incomplete."""
    slab = memory.pages.get("slab_unreclaimable", 0) * memory.page_bytes
    return slab + unaccounted_bytes(memory)


def unaccounted_bytes(memory: MemInfoReport) -> int:
    """Memory of no counter; 0 where the counters or the total are not told."""
    total = total_bytes(memory)
    if total is None or "inactive_anon" not in memory.pages or "free" not in memory.pages:
        return 0
    pages = sum(memory.pages.get(key, 0) for key in (*_LRU, *_OTHER, "free", "isolated_file"))
    stacks = sum(node.sizes_bytes.get("kernel_stack", 0) for node in memory.nodes)
    return max(total - pages * memory.page_bytes - hugetlb_bytes(memory) - stacks, 0)


def _unmapped_shmem(tasks: list[TaskRow], memory: MemInfoReport) -> int:
    """Shared memory that no listed task maps: tmpfs files, leftovers of dead processes."""
    shmem = memory.pages.get("shmem", 0)
    mapped = sum(task.rss_shmem_pages or 0 for task in tasks)
    known = any(task.rss_shmem_pages is not None for task in tasks)
    guests = 0 if known else _sum_rss([task for task in tasks if is_qemu(task.name)])
    return max(shmem - (mapped if known else min(guests, shmem)), 0) * memory.page_bytes


def _missing_from_managed(memory: MemInfoReport | None) -> int:
    """Memory that is present and not managed: what a balloon without deflate-on-oom took, besides boot's own.

    drivers/virtio/virtio_balloon.c takes each ballooned page out of the managed ones.
    """
    if memory is None:
        return 0
    gap = sum(
        max((zone.present_bytes or 0) - zone.managed_bytes, 0)
        for zone in memory.zones
        if zone.managed_bytes is not None
    )
    return max(gap, (memory.reserved_pages or 0) * memory.page_bytes)


def _sum_rss(tasks: list[TaskRow]) -> int:
    return sum(task.rss_pages or 0 for task in tasks)
