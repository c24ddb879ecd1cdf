"""What is compared before and after a run, taken from a snapshot."""

from __future__ import annotations

from kvmedic.model.domain import DomainFacts
from kvmedic.model.finding import Finding, Severity
from kvmedic.model.gap import Missing
from kvmedic.model.memory import Meminfo
from kvmedic.model.run import Measure
from kvmedic.model.snapshot import Snapshot
from kvmedic.model.zone_facts import ZoneFacts

HUGE_ORDER = 9
SYSCTLS = (
    "vm.min_free_kbytes",
    "vm.watermark_scale_factor",
    "vm.compaction_proactiveness",
    "vm.defrag_mode",
)
THP_SETTINGS = ("shrink_underused", "khugepaged/max_ptes_none")


def measure(snapshot: Snapshot, findings: tuple[Finding, ...], domain_name: str | None, at: str) -> Measure:
    """The host's and the named domain's numbers; None where a fact is a gap."""
    meminfo = snapshot.memory.meminfo
    domain = next((d for d in snapshot.running if d.name == domain_name), None)
    return Measure(
        taken_at=at,
        mem_free_bytes=_of(meminfo, "MemFree"),
        mem_available_bytes=_of(meminfo, "MemAvailable"),
        page_cache_bytes=_of(meminfo, "Cached"),
        swap_bytes=_swap_used(meminfo),
        stranded_bytes=_stranded(domain),
        stranded_method=None
        if domain is None or domain.stranded_best is None
        else domain.stranded_best.method,
        rss_bytes=None if domain is None else _known(domain.rss_bytes),
        thp_bytes=None if domain is None else _known(domain.thp_bytes),
        memcg_bytes=None if domain is None else _known(domain.memcg_bytes),
        actual_bytes=None if domain is None else _known(domain.balloon_actual_bytes),
        huge_blocks_free=_huge_blocks(snapshot.memory.zones),
        unusable_index_huge=_unusable(snapshot.memory.zones),
        limit_bytes=_limit(domain),
        pending_changes=() if domain is None else domain.pending_changes,
        settings=_settings(snapshot),
        memory_stall_us=_stall(snapshot),
        balloon_model=None
        if domain is None or isinstance(domain.balloon_model, Missing)
        else domain.balloon_model,
        findings=_causes(findings, domain_name, Severity.INFO),
        serious=_causes(findings, domain_name, Severity.WARNING),
        group_cache_bytes=_group_cache(domain),
    )


def _causes(findings: tuple[Finding, ...], domain_name: str | None, least: Severity) -> tuple[str, ...]:
    """Causes of the host, and of the domain concerned: what befalls other domains is not this run's."""
    return tuple(
        dict.fromkeys(
            finding.cause
            for finding in findings
            if finding.severity >= least
            and (
                domain_name is None or finding.subject.kind != "domain" or finding.subject.name == domain_name
            )
        )
    )


def _limit(domain: DomainFacts | None) -> int | None:
    if domain is None or isinstance(domain.cgroup, Missing):
        return None
    limit = domain.cgroup.own.max_bytes
    return limit if isinstance(limit, int) else None


def _group_cache(domain: DomainFacts | None) -> int | None:
    """Only of a group that holds this QEMU alone: what others read is not this domain's."""
    if domain is None or isinstance(domain.cgroup, Missing) or domain.cgroup.qemu_pids != (domain.pid,):
        return None
    stat = domain.cgroup.stat
    if isinstance(stat, Missing) or "inactive_file" not in stat:
        return None
    return stat["inactive_file"] + stat.get("active_file", 0)


def _settings(snapshot: Snapshot) -> dict[str, str]:
    """The settings that tune-host knows, as far as this kernel has them."""
    found = {
        f"proc/sys/{name.replace('.', '/')}": value
        for name in SYSCTLS
        if (value := snapshot.host.sysctls.get(name)) is not None
    }
    if not isinstance(snapshot.memory.thp, Missing):
        found |= {
            f"sys/kernel/mm/transparent_hugepage/{name}": value
            for name in THP_SETTINGS
            if (value := snapshot.memory.thp.settings.get(name)) is not None
        }
    return found


def _stall(snapshot: Snapshot) -> int | None:
    pressure = snapshot.memory.pressure_memory
    return None if isinstance(pressure, Missing) else pressure.some.total_us


def _of(meminfo: Meminfo | Missing, key: str) -> int | None:
    return None if isinstance(meminfo, Missing) else meminfo.get(key)


def _swap_used(meminfo: Meminfo | Missing) -> int | None:
    total, free = _of(meminfo, "SwapTotal"), _of(meminfo, "SwapFree")
    return None if total is None or free is None else total - free


def _known(fact: int | Missing) -> int | None:
    return None if isinstance(fact, Missing) else fact


def _stranded(domain: DomainFacts | None) -> int | None:
    if domain is None or domain.stranded_best is None:
        return None
    return domain.stranded_best.bytes


def _huge_blocks(zones: tuple[ZoneFacts, ...] | Missing) -> int | None:
    if isinstance(zones, Missing):
        return None
    return sum(zone.blocks_at_least[HUGE_ORDER] for zone in zones if len(zone.blocks_at_least) > HUGE_ORDER)


def _unusable(zones: tuple[ZoneFacts, ...] | Missing) -> float | None:
    """The unusable free index at the huge order of the zone with the most memory free."""
    if isinstance(zones, Missing):
        return None
    large = [zone for zone in zones if len(zone.unusable_index) > HUGE_ORDER]
    largest = max(large, key=lambda zone: zone.free_pages, default=None)
    return None if largest is None else largest.unusable_index[HUGE_ORDER]
