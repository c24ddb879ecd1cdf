"""Where the host's memory is, and whether it would suffice if every balloon deflated.

The parts of the ledger are free, guests_rss, anonymous_other, stranded, page_cache, shmem, slab, hugetlb and
kernel; with ``unaccounted`` they add up to ``total``. So that nothing counts twice:
- guests_rss is what the running QEMU processes map of anonymous and shared memory. File pages they map (their
  program, its libraries) are page cache and would count once for each process.
- anonymous_other is AnonPages less the guests' share, shmem is Shmem less theirs.
- kernel is page tables, per-CPU memory, the zswap pool, and kernel stacks or vmalloc, whichever is more:
  stacks come from vmalloc on kernels with VMAP_STACK, and old kernels say 0 for vmalloc.
- stranded memory is in no other row of meminfo.
``unaccounted`` is what drivers, the page allocator's own per-CPU lists and file systems with a cache of their
own (ZFS) took without telling; it is below 0 where memory is shared and every user counts it (KSM).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from kvmedic.model.domain import DomainFacts
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.memory import Meminfo
from kvmedic.model.zone_facts import Ledger, MemoryFacts

_NEEDED = ("MemFree", "AnonPages", "Cached", "Buffers", "Shmem", "Slab")


def derive_ledger(memory: MemoryFacts, domains: Sequence[DomainFacts] | Missing) -> Ledger | Missing:
    """The ledger of the host; a gap where meminfo is one or lacks a row. Sums over domains may be gaps."""
    meminfo = memory.meminfo
    if isinstance(meminfo, Missing):
        return meminfo
    if lacking := [key for key in _NEEDED if meminfo.get(key) is None]:
        detail = f"{meminfo.source} lacks {', '.join(lacking)}"
        return Missing(source="ledger", reason=Reason.NOT_FOUND, detail=detail)
    running = domains if isinstance(domains, Missing) else [domain for domain in domains if domain.is_running]
    return _balanced(memory, meminfo, running)


def _balanced(memory: MemoryFacts, meminfo: Meminfo, running: Sequence[DomainFacts] | Missing) -> Ledger:
    anonymous, shared = total_of(running, guest_anonymous), total_of(running, guest_shared)
    guests = _sum((anonymous, shared))
    parts = {
        "free": meminfo["MemFree"],
        "anonymous_other": meminfo["AnonPages"] - min(_or_zero(anonymous), meminfo["AnonPages"]),
        "page_cache": max(meminfo["Cached"] + meminfo["Buffers"] - meminfo["Shmem"], 0),
        "shmem": meminfo["Shmem"] - min(_or_zero(shared), meminfo["Shmem"]),
        "slab": meminfo["Slab"],
        "hugetlb": hugetlb_bytes(meminfo),
        "kernel": kernel_bytes(meminfo),
    }
    accounted = sum(parts.values()) + _or_zero(guests) + _or_zero(memory.stranded_bytes)
    return Ledger(
        **parts,
        total=meminfo["MemTotal"],
        guests_maximum=total_of(running, lambda domain: domain.memory_max_bytes),
        guests_actual=total_of(running, lambda domain: domain.balloon_actual_bytes),
        guests_rss=guests,
        stranded=memory.stranded_bytes,
        unaccounted=meminfo["MemTotal"] - accounted,
        if_all_deflate_short=short_if_all_deflate(memory, meminfo, running),
    )


def short_if_all_deflate(
    memory: MemoryFacts, meminfo: Meminfo, running: Sequence[DomainFacts] | Missing
) -> int | Missing:
    """Bytes of RAM the host would lack if every guest wrote to all of its maximum; 0 or less: it fits.

    Wanted: for each running domain its maximum less what is resident (``growth_bytes``), and what KSM shares
    today, since writing undoes it. There: MemAvailable (free memory and what caches give back above the low
    watermarks), and what comes back under pressure and is not in MemAvailable: stranded memory, ZFS's cache.
    Swap is left out: it can keep a host alive, but a host that needs it is slow; compare with SwapFree apart.
    Hugetlb-backed guests grow inside their pool. QEMU's own overhead is part of RSS, so the shortage is a
    lower bound. A gap where a term is one.
    """
    available = meminfo.get("MemAvailable")
    if available is None:
        return Missing(
            source="ledger", reason=Reason.NOT_FOUND, detail=f"{meminfo.source} lacks MemAvailable"
        )
    growth = total_of(running, growth_bytes)
    if isinstance(growth, Missing):
        return growth
    cache = memory.zfs_arc.yields_bytes if memory.zfs_arc else 0
    return growth + _shared_by_ksm_bytes(memory) - available - cache - _or_zero(memory.stranded_bytes)


def growth_bytes(domain: DomainFacts) -> int | Missing:
    """What the domain could still take from the host's ordinary memory: maximum less resident, 0 on hugetlb.

    Memory in swap is not resident: to be touched, it has to come back.
    """
    if domain.backing == "hugetlb":
        return 0
    if isinstance(domain.memory_max_bytes, Missing):
        return domain.memory_max_bytes
    if isinstance(domain.rss_bytes, Missing):
        return domain.rss_bytes
    in_pools = 0 if isinstance(domain.process, Missing) else _or_zero(domain.process.hugetlb_bytes)
    return max(domain.memory_max_bytes - domain.rss_bytes - in_pools, 0)


def guest_anonymous(domain: DomainFacts) -> int | Missing:
    """Anonymous memory the domain's process maps; its whole RSS where the process does not tell it apart."""
    process = domain.process
    if not isinstance(process, Missing) and not isinstance(process.rss_anon_bytes, Missing):
        return process.rss_anon_bytes
    return 0 if domain.backing == "memfd" else domain.rss_bytes


def guest_shared(domain: DomainFacts) -> int | Missing:
    """Shared memory (memfd, shmem) the domain's process maps."""
    process = domain.process
    if not isinstance(process, Missing) and not isinstance(process.rss_shmem_bytes, Missing):
        return process.rss_shmem_bytes
    return domain.rss_bytes if domain.backing == "memfd" else 0


def total_of(
    domains: Sequence[DomainFacts] | Missing, bytes_of: Callable[[DomainFacts], int | Missing]
) -> int | Missing:
    """The sum of ``bytes_of`` over ``domains``; the first gap where one of them has no number."""
    if isinstance(domains, Missing):
        return domains
    return _sum(bytes_of(domain) for domain in domains)


def hugetlb_bytes(meminfo: Meminfo) -> int:
    """All hugetlb pools, used or not: the Hugetlb row, on older kernels the pool of the default size."""
    every_size = meminfo.get("Hugetlb")
    if every_size is not None:
        return every_size
    return meminfo.counts.get("HugePages_Total", 0) * (meminfo.get("Hugepagesize") or 0)


def kernel_bytes(meminfo: Meminfo) -> int:
    """What meminfo tells of the kernel's own memory, slab apart; rows it lacks are in ``unaccounted``."""
    rows = ("PageTables", "SecPageTables", "Percpu", "Zswap", "Bounce")
    stacks_or_vmalloc = max(meminfo.get("VmallocUsed") or 0, meminfo.get("KernelStack") or 0)
    return sum(meminfo.get(row) or 0 for row in rows) + stacks_or_vmalloc


def _shared_by_ksm_bytes(memory: MemoryFacts) -> int:
    if isinstance(memory.ksm, Missing):
        return 0
    return memory.ksm.get("pages_sharing", 0) * memory.page_size_bytes


def _sum(amounts: Iterable[int | Missing]) -> int | Missing:
    total = 0
    for amount in amounts:
        if isinstance(amount, Missing):
            return amount
        total += amount
    return total


def _or_zero(amount: int | Missing) -> int:
    return 0 if isinstance(amount, Missing) else amount
