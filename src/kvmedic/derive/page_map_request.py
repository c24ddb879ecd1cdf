"""What a page map must be told about the host: its zones, its domains, its sizes. From evidence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kvmedic.derive.demanded_orders import order_of
from kvmedic.derive.host_stranded import mapcount_gap
from kvmedic.derive.kernel_configuration import derive_kernel_configuration
from kvmedic.model.domain import DomainFacts
from kvmedic.model.evidence import Evidence
from kvmedic.model.gap import Missing
from kvmedic.model.memory import Zone
from kvmedic.model.page_map import Method
from kvmedic.model.page_map_request import DomainProcess, PageMapRequest, ZoneSpan
from kvmedic.model.zone_facts import MemoryFacts, ZoneFacts

FALLBACK_ORDER = 9
"""x86-64's huge page and pageblock (512 pages), where this kernel does not say."""
SMALL_HOST_THREADS = 2


def page_map_request(
    evidence: Evidence,
    memory: MemoryFacts,
    domains: Sequence[DomainFacts],
    *,
    method: Method,
    seed: int,
    frames_per_s: int | None = None,
) -> PageMapRequest:
    """One map of this host: every running domain with a known process, every populated zone."""
    huge_order = _huge_order(memory)
    return PageMapRequest(
        method=method,
        domains=tuple(_processes(domains)),
        zones=() if isinstance(memory.zones, Missing) else tuple(_spans(memory.zones)),
        page_size_bytes=memory.page_size_bytes,
        pageblock_order=huge_order,
        chunk_order=huge_order,
        exact_map_counts=mapcount_gap(derive_kernel_configuration(evidence), memory.vmstat) is None,
        frames_per_s=frames_per_s,
        threads=SMALL_HOST_THREADS,
        seed=seed,
        proc="/proc",
    )


def _huge_order(memory: MemoryFacts) -> int:
    thp = memory.thp
    if isinstance(thp, Missing) or isinstance(thp.pmd_size_bytes, Missing):
        return FALLBACK_ORDER
    return order_of(thp.pmd_size_bytes, memory.page_size_bytes)


def _processes(domains: Iterable[DomainFacts]) -> Iterable[DomainProcess]:
    for domain in domains:
        if domain.is_running and not isinstance(domain.pid, Missing):
            yield DomainProcess(name=domain.name, pid=domain.pid)


def _spans(zones: Iterable[ZoneFacts]) -> Iterable[ZoneSpan]:
    for zone in zones:
        info = zone.zoneinfo
        if isinstance(info, Zone) and info.start_pfn is not None and info.present_pages:
            yield _span(info, info.start_pfn)


def _span(info: Zone, start_pfn: int) -> ZoneSpan:
    return ZoneSpan(
        node=info.node,
        zone=info.zone,
        start_pfn=start_pfn,
        spanned_pages=info.spanned_pages,
        present_pages=info.present_pages,
        managed_pages=info.managed_pages,
        pcp_pages=info.pcp_pages,
    )
