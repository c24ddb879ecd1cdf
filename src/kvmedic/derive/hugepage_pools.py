"""Pools of hugetlb pages: of the host (/sys/kernel/mm/hugepages) or of one NUMA node."""

from __future__ import annotations

from kvmedic.derive.reading import read_with
from kvmedic.model.evidence import Evidence
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.memory import HugepagePool, Meminfo
from kvmedic.parse.number import parse_number
from kvmedic.parse.transparent_hugepage import size_of_directory

HOST_POOLS = "sys/kernel/mm/hugepages"


def derive_host_pools(evidence: Evidence, meminfo: Meminfo | Missing) -> tuple[HugepagePool, ...] | Missing:
    """The host's pools of every size; without sysfs that of meminfo (default size only)."""
    pools = derive_pools(evidence, HOST_POOLS, None)
    if pools:
        return pools
    pool = None if isinstance(meminfo, Missing) else pool_of_meminfo(meminfo)
    if pool:
        return (pool,)
    return Missing(
        source=HOST_POOLS, reason=Reason.NOT_FOUND, detail="no pool sizes, neither there nor in meminfo"
    )


def derive_pools(evidence: Evidence, directory: str, node: int | None) -> tuple[HugepagePool, ...]:
    """The pools below ``directory`` whose total and free pages can be read, by size."""
    sizes = {name: size_of_directory(name) for name in evidence.names(directory)}
    known = sorted((size, name) for name, size in sizes.items() if size is not None)
    pools = (_pool(evidence, f"{directory}/{name}", node, size) for size, name in known)
    return tuple(pool for pool in pools if pool)


def pool_of_meminfo(meminfo: Meminfo) -> HugepagePool | None:
    """The pool of the default size as /proc/meminfo shows it; None on kernels without hugetlb."""
    size, total, free = (
        meminfo.get("Hugepagesize"),
        *map(meminfo.counts.get, ("HugePages_Total", "HugePages_Free")),
    )
    if size is None or total is None or free is None:
        return None
    return HugepagePool(
        node=None,
        page_size_bytes=size,
        total_pages=total,
        free_pages=free,
        reserved_pages=meminfo.counts.get("HugePages_Rsvd"),
        surplus_pages=meminfo.counts.get("HugePages_Surp"),
        overcommit_pages=None,
    )


def _pool(evidence: Evidence, directory: str, node: int | None, size_bytes: int) -> HugepagePool | None:
    total = read_with(evidence, f"{directory}/nr_hugepages", parse_number)
    free = read_with(evidence, f"{directory}/free_hugepages", parse_number)
    if isinstance(total, Missing) or isinstance(free, Missing):
        return None
    return HugepagePool(
        node=node,
        page_size_bytes=size_bytes,
        total_pages=total,
        free_pages=free,
        reserved_pages=_optional(evidence, f"{directory}/resv_hugepages"),
        surplus_pages=_optional(evidence, f"{directory}/surplus_hugepages"),
        overcommit_pages=_optional(evidence, f"{directory}/nr_overcommit_hugepages"),
    )


def _optional(evidence: Evidence, path: str) -> int | None:
    found = read_with(evidence, path, parse_number)
    return None if isinstance(found, Missing) else found
