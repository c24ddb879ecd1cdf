"""hugepages-exhausted: a pool of hugetlb pages has too few free pages for a domain that waits for them.

A pool that running guests use up is normal. It matters to the next start: "unable to map backing store for
guest RAM". Reserved pages are promised already; a bound domain needs them on its own NUMA node.
"""

from __future__ import annotations

from collections.abc import Iterator

from kvmedic.diagnose.readings import VMSTAT, numbers_of_list, per_second
from kvmedic.diagnose.verdicts import LIKELY, PROVEN, because, cleared, finding, lacking
from kvmedic.model.domain import DomainFacts
from kvmedic.model.finding import Because, Cause, Finding, Judgement, Severity
from kvmedic.model.gap import Missing
from kvmedic.model.memory import HugepagePool
from kvmedic.model.snapshot import Snapshot
from kvmedic.model.subjects import HOST, domain_subject
from kvmedic.units import human_bytes

ID = "hugepages-exhausted"
REMEDIES = ("compact-memory", "migrate-domain", "reboot-host")


def examine(snapshot: Snapshot) -> Judgement:
    """The free pages of every pool against the domains that are defined and do not run."""
    pools, domains = snapshot.memory.hugepages, snapshot.domains
    if isinstance(pools, Missing):
        return lacking(pools)
    if isinstance(domains, Missing):
        return lacking(domains)
    waiting = [d for d in domains if not d.is_running and d.hugepage_size_bytes is not None]
    findings = (*(f for d in waiting for f in _short_for(snapshot, pools, d)), *_growth_fails(snapshot))
    if findings:
        return Judgement(findings=findings)
    unknown = [d.memory_max_bytes for d in waiting if isinstance(d.memory_max_bytes, Missing)]
    return lacking(*unknown) if unknown else _clearance(pools)


def _clearance(pools: tuple[HugepagePool, ...]) -> Judgement:
    used = [pool for pool in pools if pool.node is None and pool.total_pages]
    if not used:
        return cleared(
            "the host keeps no hugetlb pages, and no domain waits for them", "sys/kernel/mm/hugepages"
        )
    shown = "; ".join(_pool_words(pool) for pool in used)
    return cleared(f"no domain waits for hugetlb pages ({shown})", "sys/kernel/mm/hugepages")


def _pool_words(pool: HugepagePool) -> str:
    return (
        f"{human_bytes(pool.page_size_bytes)} pages: {free_pages(pool):,} of {pool.total_pages:,} to be had"
    )


def free_pages(pool: HugepagePool) -> int:
    """Pages a new domain can have: free, less those that were promised."""
    return max(pool.free_pages - (pool.reserved_pages or 0), 0)


def _short_for(snapshot: Snapshot, pools: tuple[HugepagePool, ...], domain: DomainFacts) -> Iterator[Finding]:
    size, maximum = domain.hugepage_size_bytes, domain.memory_max_bytes
    if size is None or isinstance(maximum, Missing):
        return
    needed = -(-maximum // size)
    there, where = _there_for(pools, domain, size)
    if there >= needed:
        return
    autostarts = domain.autostarts is True
    text = f"{domain.name} needs {needed:,} pages of {human_bytes(size)}, {there:,} can be had {where}"
    yield finding(
        ID,
        domain_subject(domain),
        Severity.WARNING if autostarts else Severity.INFO,
        PROVEN,
        summary=f"{domain.name} cannot start now: it needs {needed:,} hugetlb pages, and {there:,} are "
        f"left {where}",
        proof=[because(text, "sys/kernel/mm/hugepages")],
        remedies=REMEDIES,
    )


def _there_for(pools: tuple[HugepagePool, ...], domain: DomainFacts, size: int) -> tuple[int, str]:
    """Free pages on the nodes the domain is bound to, or on the host; surplus pages may be added to the
    latter.
    """
    of_size = [pool for pool in pools if pool.page_size_bytes == size]
    on_nodes = [pool for pool in of_size if pool.node is not None]
    if domain.host_nodes is not None and on_nodes:
        bound = numbers_of_list(domain.host_nodes)
        return sum(pool.free_pages for pool in on_nodes if pool.node in bound), f"on node {domain.host_nodes}"
    host = [pool for pool in of_size if pool.node is None]
    extra = sum(max((pool.overcommit_pages or 0) - (pool.surplus_pages or 0), 0) for pool in host)
    return sum(free_pages(pool) for pool in host) + extra, "on this host"


def _growth_fails(snapshot: Snapshot) -> Iterator[Finding]:
    fails = per_second(snapshot, "htlb_buddy_alloc_fail")
    if isinstance(fails, Missing) or fails <= 0:
        return
    proof: list[Because] = [because(f"htlb_buddy_alloc_fail grows by {fails:.1f} a second", VMSTAT)]
    yield finding(
        ID,
        HOST,
        Severity.WARNING,
        LIKELY,
        summary="somebody tries to grow the pool of hugetlb pages now, and the kernel finds no blocks for it",
        proof=proof,
        remedies=REMEDIES,
    )


CAUSE = Cause(
    id=ID,
    title="There are too few hugetlb pages for a domain",
    is_essential=False,
    judged="both",
    examine=examine,
)
