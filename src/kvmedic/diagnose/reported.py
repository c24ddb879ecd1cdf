"""Host, memory and domains as the report shows them: exact bytes, and null where there is a gap."""

from __future__ import annotations

from typing import TypeVar

from kvmedic.model.domain import DomainFacts
from kvmedic.model.gap import Missing
from kvmedic.model.memory import Meminfo
from kvmedic.model.report import (
    ReportedDomain,
    ReportedHost,
    ReportedLedger,
    ReportedMemory,
    ReportedOrder,
    ReportedZone,
)
from kvmedic.model.snapshot import Snapshot
from kvmedic.model.zone_facts import Ledger, MemoryFacts, ZoneFacts

T = TypeVar("T")

DOMAIN_FACTS = (
    "uuid",
    "pid",
    "vcpus",
    "memory_max_bytes",
    "balloon_configured_bytes",
    "balloon_target_bytes",
    "balloon_actual_bytes",
    "balloon_driver",
    "free_page_reporting",
    "backing",
    "rss_bytes",
    "memcg_bytes",
    "thp_bytes",
)
"""Facts of a domain that the report carries under the name the record has."""


def known(fact: T | Missing) -> T | None:
    """The fact, or None where there is a gap."""
    return None if isinstance(fact, Missing) else fact


def report_host(snapshot: Snapshot) -> ReportedHost:
    """The host's identity and memory."""
    host = snapshot.host
    return ReportedHost(
        name=host.name,
        boot_id=known(host.boot_id),
        kernel_release=known(host.kernel_release),
        uptime_s=known(host.uptime_s),
        cpus_online=known(host.cpus_online),
        hardware_name=known(host.hardware_name),
        is_virtual_machine=known(host.is_virtual_machine),
        cgroup_version=known(host.cgroup_version),
        libvirt=known(snapshot.libvirt),
        libvirt_version=known(host.libvirt_version),
        load_1min=known(host.load_1min),
        memory=_memory(snapshot.memory),
    )


def _memory(memory: MemoryFacts) -> ReportedMemory:
    zones, ledger, meminfo = known(memory.zones), known(memory.ledger), known(memory.meminfo)
    return ReportedMemory(
        page_size_bytes=memory.page_size_bytes,
        total_bytes=_of(meminfo, "MemTotal"),
        available_bytes=_of(meminfo, "MemAvailable"),
        stranded_bytes=known(memory.stranded_bytes),
        ledger=None if ledger is None else _ledger(ledger),
        zones=None if zones is None else tuple(_zone(zone, memory.page_size_bytes) for zone in zones),
        demanded_orders=tuple(
            ReportedOrder(order=demand.order, user=demand.user, on_failure=demand.on_failure)
            for demand in memory.demanded_orders
        ),
        pressure_memory=known(memory.pressure_memory),
        pressure_cpu=known(memory.pressure_cpu),
        pressure_io=known(memory.pressure_io),
    )


def _of(meminfo: Meminfo | None, key: str) -> int | None:
    return None if meminfo is None else meminfo.get(key)


def _zone(facts: ZoneFacts, page_bytes: int) -> ReportedZone:
    zone = known(facts.zoneinfo)
    return ReportedZone(
        node=facts.node,
        zone=facts.zone,
        free_bytes=facts.free_pages * page_bytes,
        free_blocks=facts.free_blocks,
        min_bytes=None if zone is None else zone.min_pages * page_bytes,
        low_bytes=None if zone is None else zone.low_pages * page_bytes,
        high_bytes=None if zone is None else zone.high_pages * page_bytes,
        managed_bytes=None if zone is None else zone.managed_pages * page_bytes,
        unusable_index=tuple(round(index, 4) for index in facts.unusable_index),
        fragmentation_index=tuple(
            None if index is None else round(index, 4) for index in facts.fragmentation_index
        ),
    )


def _ledger(ledger: Ledger) -> ReportedLedger:
    return ReportedLedger(
        total_bytes=ledger.total,
        free_bytes=ledger.free,
        guests_maximum_bytes=known(ledger.guests_maximum),
        guests_actual_bytes=known(ledger.guests_actual),
        guests_rss_bytes=known(ledger.guests_rss),
        anonymous_other_bytes=ledger.anonymous_other,
        stranded_bytes=known(ledger.stranded),
        page_cache_bytes=ledger.page_cache,
        shmem_bytes=ledger.shmem,
        slab_bytes=ledger.slab,
        hugetlb_bytes=ledger.hugetlb,
        kernel_bytes=ledger.kernel,
        unaccounted_bytes=ledger.unaccounted,
        if_all_deflate_short_bytes=known(ledger.if_all_deflate_short),
    )


def domain_gaps(domain: DomainFacts) -> dict[str, Missing]:
    """The gaps of one domain, by the fact of the report they stand for."""
    gaps = {name: fact for name in DOMAIN_FACTS if isinstance(fact := getattr(domain, name), Missing)}
    if isinstance(domain.guest, Missing):
        gaps["guest_usable_bytes"] = domain.guest
    swap = domain.process if isinstance(domain.process, Missing) else domain.process.swap_bytes
    if isinstance(swap, Missing):
        gaps["swap_bytes"] = swap
    limit = domain.cgroup if isinstance(domain.cgroup, Missing) else domain.cgroup.own.max_bytes
    if isinstance(limit, Missing):
        gaps["memcg_max_bytes"] = limit
    if domain.stranded_gap is not None:
        gaps["stranded_bytes"] = domain.stranded_gap
    return gaps


def report_domain(domain: DomainFacts) -> ReportedDomain:
    """One domain; what the guest says of itself counts only while it is fresh."""
    guest, best = known(domain.guest), domain.stranded_best
    process, cgroup = known(domain.process), known(domain.cgroup)
    return ReportedDomain(
        name=domain.name,
        uuid=known(domain.uuid),
        source=domain.source,
        state=domain.state,
        is_running=domain.is_running,
        managed_by=domain.managed_by,
        pid=known(domain.pid),
        vcpus=known(domain.vcpus),
        memory_max_bytes=known(domain.memory_max_bytes),
        balloon_configured_bytes=known(domain.balloon_configured_bytes),
        balloon_target_bytes=known(domain.balloon_target_bytes),
        balloon_actual_bytes=known(domain.balloon_actual_bytes),
        balloon_driver=known(domain.balloon_driver),
        free_page_reporting=known(domain.free_page_reporting),
        guest_usable_bytes=guest.usable_bytes if guest is not None and guest.is_fresh else None,
        guest_statistics_age_s=None if guest is None else guest.age_s,
        backing=known(domain.backing),
        discards_inhibited_by=domain.discards_inhibited_by,
        rss_bytes=known(domain.rss_bytes),
        swap_bytes=None if process is None else known(process.swap_bytes),
        memcg_bytes=known(domain.memcg_bytes),
        memcg_max_bytes=None if cgroup is None else known(cgroup.own.max_bytes),
        thp_bytes=known(domain.thp_bytes),
        stranded_bytes=None if best is None else best.bytes,
        stranded_method=None if best is None else best.method,
        stranded=domain.stranded,
        pending_changes=domain.pending_changes,
        missing={name: gap.source for name, gap in domain_gaps(domain).items()},
    )
