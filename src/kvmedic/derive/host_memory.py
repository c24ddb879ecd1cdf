"""The facts of the host's memory, from the kernel's files in Evidence. Nothing here raises on bad text."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from kvmedic.derive.container_view import container_gap
from kvmedic.derive.cpus import count_cpus
from kvmedic.derive.demanded_orders import KVM_VCPU, derive_demanded_orders
from kvmedic.derive.host_stranded import derive_stranded_range, hidden_gap, mapcount_gap
from kvmedic.derive.hugepage_pools import derive_host_pools
from kvmedic.derive.kernel_configuration import derive_kernel_configuration
from kvmedic.derive.ledger import derive_ledger
from kvmedic.derive.nodes import derive_nodes
from kvmedic.derive.page_size import derive_page_size
from kvmedic.derive.rates import derive_rates
from kvmedic.derive.reading import read_with
from kvmedic.derive.transparent_hugepages import derive_ksm, derive_thp
from kvmedic.derive.zfs_arc import derive_zfs_arc
from kvmedic.derive.zones import derive_zones
from kvmedic.model.domain import DomainFacts
from kvmedic.model.evidence import Evidence
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.memory import Meminfo, Pagetypeinfo, Pressure, SlabCache, SlabUse
from kvmedic.model.zone_facts import MemoryFacts
from kvmedic.parse.buddyinfo import parse_buddyinfo
from kvmedic.parse.meminfo import parse_meminfo
from kvmedic.parse.number import parse_number
from kvmedic.parse.pagetypeinfo import parse_pagetypeinfo
from kvmedic.parse.pressure import parse_pressure
from kvmedic.parse.slabinfo import parse_slabinfo
from kvmedic.parse.swaps import parse_swaps
from kvmedic.parse.vmstat import parse_vmstat
from kvmedic.parse.zoneinfo import parse_zoneinfo

PAGETYPEINFO = "proc/pagetypeinfo"
SLABINFO = "proc/slabinfo"
_AWAITS_DOMAINS = Missing(
    source="ledger", reason=Reason.NOT_COLLECTED, detail="the domains are not known yet"
)


def derive_memory(evidence: Evidence) -> tuple[MemoryFacts, list[Missing]]:
    """The memory of the host, and every gap in it. The ledger waits for the domains: see ``with_ledger``."""
    meminfo = read_with(evidence, "proc/meminfo", parse_meminfo)
    vmstat = read_with(evidence, "proc/vmstat", parse_vmstat)
    page_size, size_gap = derive_page_size(evidence, meminfo, vmstat)
    zoneinfo = read_with(evidence, "proc/zoneinfo", parse_zoneinfo)
    swaps = read_with(evidence, "proc/swaps", parse_swaps)
    if hidden := container_gap(meminfo, zoneinfo, page_size):
        meminfo = swaps = hidden
    areas = read_with(evidence, "proc/buddyinfo", parse_buddyinfo)
    pools, thp = derive_host_pools(evidence, meminfo), derive_thp(evidence)
    kvm_vcpu = derive_slab_cache(evidence, "kvm_vcpu", KVM_VCPU)
    configuration = derive_kernel_configuration(evidence)
    stranded, note = _stranded(evidence, meminfo, mapcount_gap(configuration, vmstat), page_size)
    facts = MemoryFacts(
        page_size_bytes=page_size,
        meminfo=meminfo,
        zones=derive_zones(areas, zoneinfo),
        nodes=derive_nodes(evidence),
        vmstat=vmstat,
        rates=derive_rates(evidence),
        pressure_memory=_pressure(evidence, "memory"),
        pressure_cpu=_pressure(evidence, "cpu"),
        pressure_io=_pressure(evidence, "io"),
        hugepages=pools,
        swaps=swaps,
        thp=thp,
        ksm=derive_ksm(evidence),
        zfs_arc=derive_zfs_arc(evidence),
        kvm_vcpu_slab=kvm_vcpu,
        demanded_orders=derive_demanded_orders(kvm_vcpu, thp, pools, configuration, page_size),
        ledger=_AWAITS_DOMAINS,
        stranded_bytes=stranded,
    )
    return facts, [*(gap for gap in (size_gap, note) if gap), *gaps_of(facts)]


def with_ledger(facts: MemoryFacts, domains: Sequence[DomainFacts] | Missing) -> MemoryFacts:
    """``facts`` with the ledger that the domains complete."""
    return msgspec.structs.replace(facts, ledger=derive_ledger(facts, domains))


def gaps_of(facts: MemoryFacts) -> list[Missing]:
    """Every different gap in ``facts``, those of its zones and nodes too; the awaited ledger is none."""
    parts: list[object] = [getattr(facts, name) for name in facts.__struct_fields__]
    parts += () if isinstance(facts.zones, Missing) else [zone.zoneinfo for zone in facts.zones]
    for node in () if isinstance(facts.nodes, Missing) else facts.nodes:
        parts += [node.meminfo, node.cpus]
    if not isinstance(facts.thp, Missing):
        parts.append(facts.thp.pmd_size_bytes)
    gaps = (part for part in parts if isinstance(part, Missing) and part is not _AWAITS_DOMAINS)
    return list(dict.fromkeys(gaps))


def derive_slab_cache(evidence: Evidence, name: str, directory: str) -> SlabCache | Missing:
    """A cache as /sys/kernel/slab shows it; a gap where one of its files is (kvm not loaded, SLAB)."""
    size = read_with(evidence, f"{directory}/object_size", parse_number)
    order = read_with(evidence, f"{directory}/order", parse_number)
    objects = read_with(evidence, f"{directory}/objs_per_slab", parse_number)
    if isinstance(size, Missing):
        return size
    if isinstance(order, Missing):
        return order
    if isinstance(objects, Missing):
        return objects
    return SlabCache(name=name, object_size_bytes=size, order=order, objects_per_slab=objects)


def derive_pagetypeinfo(evidence: Evidence) -> Pagetypeinfo | Missing:
    """Free blocks by migratetype (collected only with ``--deep``: reading holds the zone's lock)."""
    return read_with(evidence, PAGETYPEINFO, parse_pagetypeinfo)


def derive_slabs(evidence: Evidence, page_size_bytes: int) -> tuple[SlabUse, ...] | Missing:
    """The slab caches (collected only with ``--deep``: reading holds each cache's list lock)."""
    return read_with(evidence, SLABINFO, lambda text, source: parse_slabinfo(text, source, page_size_bytes))


def _pressure(evidence: Evidence, resource: str) -> Pressure | Missing:
    return read_with(evidence, f"proc/pressure/{resource}", parse_pressure)


def _stranded(
    evidence: Evidence, meminfo: Meminfo | Missing, distrust: Missing | None, page_size_bytes: int
) -> tuple[int | Missing, Missing | None]:
    """What is stranded for certain, and a note where locked memory hides it."""
    if distrust:
        return distrust, None
    cpus = count_cpus(evidence)
    if isinstance(cpus, Missing):
        return cpus, None
    bounds = derive_stranded_range(meminfo, cpus, page_size_bytes)
    return (bounds if isinstance(bounds, Missing) else bounds.proven_bytes), hidden_gap(bounds)
