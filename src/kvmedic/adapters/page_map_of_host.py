"""The page map of this host, asked for with what the evidence already knows of it."""

from __future__ import annotations

import os

import msgspec

from kvmedic.adapters.page_map import Progress, read_page_map
from kvmedic.derive.domains import derive_domains
from kvmedic.derive.host_memory import derive_memory, derive_pagetypeinfo
from kvmedic.derive.kernel_configuration import derive_kernel_configuration
from kvmedic.derive.page_map_request import page_map_request
from kvmedic.model.evidence import Evidence
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.memory import Zone
from kvmedic.model.page_map import Method, PageMap
from kvmedic.model.page_map_request import DomainProcess, PageMapRequest
from kvmedic.model.request import CollectRequest
from kvmedic.model.zone_facts import MemoryFacts

NOT_YET = Missing(source="kvmedic/page_map.json", reason=Reason.NOT_COLLECTED, detail="not read yet")
THREADS = 2
"""One classifies while the other reads; more would take CPUs from the guests."""
NOT_WISHED = Missing(
    source="kvmedic/page_map.json", reason=Reason.NOT_COLLECTED, detail="not asked for (--page-map none)"
)


def request_of(
    evidence: Evidence, method: Method, *, only: DomainProcess | None = None, frames_per_s: int | None = None
) -> PageMapRequest:
    """The page map request that fits this host: all its running domains, or ``only`` one."""
    memory, _ = derive_memory(evidence)
    thp = memory.thp
    return page_map_request(
        method,
        _processes(evidence) if only is None else (only,),
        _zones(memory),
        page_size_bytes=memory.page_size_bytes,
        pmd_size_bytes=thp if isinstance(thp, Missing) else thp.pmd_size_bytes,
        pageblock_order=_pageblock_order(evidence),
        exact_map_counts=_exact_map_counts(evidence),
        seed=int.from_bytes(os.urandom(4)),
        threads=THREADS,
        frames_per_s=frames_per_s,
    )


def _processes(evidence: Evidence) -> tuple[DomainProcess, ...]:
    domains, _ = derive_domains(evidence, NOT_YET)
    listed = () if isinstance(domains, Missing) else domains
    return tuple(
        DomainProcess(name=domain.name, pid=domain.pid)
        for domain in listed
        if domain.is_running and not isinstance(domain.pid, Missing)
    )


def _zones(memory: MemoryFacts) -> tuple[Zone, ...]:
    if isinstance(memory.zones, Missing):
        return ()
    return tuple(zone.zoneinfo for zone in memory.zones if isinstance(zone.zoneinfo, Zone))


def _pageblock_order(evidence: Evidence) -> int | None:
    found = derive_pagetypeinfo(evidence)
    return None if isinstance(found, Missing) else found.pageblock_order


def _exact_map_counts(evidence: Evidence) -> bool | None:
    configuration = derive_kernel_configuration(evidence)
    if isinstance(configuration, Missing):
        return None
    return configuration.get("CONFIG_NO_PAGE_MAPCOUNT") != "y"


def page_map_of_host(
    wish: CollectRequest, evidence: Evidence, progress: Progress = lambda *_: None
) -> PageMap | Missing:
    """The map as wished."""
    if wish.page_map == "none":
        return NOT_WISHED
    return read_page_map(request_of(evidence, wish.page_map), progress)


def page_map_evidence(wish: CollectRequest, evidence: Evidence) -> bytes | Missing:
    """The map as the bytes that stand for it in evidence."""
    page_map = page_map_of_host(wish, evidence)
    return page_map if isinstance(page_map, Missing) else msgspec.json.encode(page_map)
