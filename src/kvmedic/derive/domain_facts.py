"""The facts of one domain, each from the best source that has it."""

from __future__ import annotations

from typing import TypeVar

from kvmedic.derive.balloon import derive_driver, derive_guest_statistics
from kvmedic.derive.cgroup_of import counter_of, sharing_gap
from kvmedic.derive.domain_growth import THP_COUNTERS, derive_growth
from kvmedic.derive.domain_sources import (
    Context,
    Sources,
    actual_of,
    autostarts,
    balloon_model_of,
    balloon_option,
    configured_of,
    has_managed_save,
    host_nodes_of,
    is_emulated,
    is_persistent,
    look_up,
    maximum_of,
    or_gap,
    pid_of,
    rss_of,
    source_of,
    uuid_of,
    vcpus_of,
)
from kvmedic.derive.inhibitors import (
    derive_backing,
    derive_hugepage_size,
    derive_inhibitors,
)
from kvmedic.derive.libvirt_domains import LibvirtDomain
from kvmedic.derive.managed_by import derive_manager
from kvmedic.derive.pending_changes import derive_pending_changes
from kvmedic.derive.qemu_processes import QemuProcess
from kvmedic.derive.stranded_accounting import accounting_floor_bytes, derive_stranded_by_accounting
from kvmedic.derive.stranded_readings import NOT_RUNNING, derive_stranded
from kvmedic.model.domain import DomainFacts, GuestStatistics, StrandedReading
from kvmedic.model.gap import Missing, Reason

Fact = TypeVar("Fact")
_TARGET = Missing(
    source="balloon target",
    reason=Reason.NOT_FOUND,
    detail="libvirt does not say what was asked for; only our journal or a manager's log does",
)


def domain_facts(context: Context, domain: LibvirtDomain | None, process: QemuProcess | None) -> DomainFacts:
    """The facts of a domain with its process, a domain without one, or a process without a domain.

    Longer than our functions are, because it names every field of the record once, and does nothing else.
    """
    sources = look_up(context, domain, process)
    definition, arguments, stats = sources.definition, sources.arguments, sources.stats
    maximum = maximum_of(sources)
    actual = actual_of(sources)
    period_s = definition.stats_period_s if definition else None
    backing = derive_backing(definition, arguments, sources.process, context.hugetlbfs)
    model = balloon_model_of(sources)
    group = None if isinstance(sources.cgroup, Missing) else sources.cgroup.path
    manager = derive_manager(sources.name, definition, arguments, group, context.surroundings)
    pid = pid_of(sources, process)
    stranded, stranded_gap = _stranded(context, sources, pid)
    inhibitors = derive_inhibitors(
        definition=definition,
        arguments=arguments,
        process=sources.process,
        backing=backing,
        memory_max_bytes=maximum,
        state_reason=sources.state.reason,
    )
    return DomainFacts(
        name=sources.name,
        uuid=uuid_of(sources),
        source=source_of(domain),
        state=sources.state.word,
        state_reason=or_gap(sources.state.reason, "state reason", "no source gives a reason"),
        is_running=sources.state.is_running,
        is_persistent=is_persistent(sources),
        autostarts=autostarts(sources, context.evidence),
        managed_by=manager.name,
        managed_by_because=manager.because,
        pid=pid,
        process=sources.process,
        vcpus=vcpus_of(sources),
        is_emulated=is_emulated(sources),
        memory_max_bytes=maximum,
        balloon_configured_bytes=configured_of(sources),
        balloon_target_bytes=_TARGET,
        balloon_actual_bytes=actual,
        balloon_model=model,
        balloon_driver=_when_running(sources, derive_driver(model, stats, period_s, maximum, actual)),
        free_page_reporting=balloon_option(sources, "free-page-reporting"),
        deflate_on_oom=balloon_option(sources, "deflate-on-oom"),
        guest=_when_running(sources, _guest(context, sources, period_s)),
        backing=backing,
        discards_inhibited_by=inhibitors,
        rss_bytes=rss_of(sources, process),
        memcg_bytes=_charged(sources, None),
        thp_bytes=_charged(sources, THP_COUNTERS),
        cgroup=sources.cgroup,
        growth=derive_growth(context, sources),
        stranded=stranded,
        stranded_gap=stranded_gap,
        host_nodes=host_nodes_of(sources),
        hugepage_size_bytes=(
            derive_hugepage_size(definition, arguments, context.hugetlbfs, context.default_hugepage_bytes)
            if backing == "hugetlb"
            else None
        ),
        job=domain.job if domain else None,
        pending_changes=derive_pending_changes(domain.running_definition, domain.inactive) if domain else (),
        has_managed_save=has_managed_save(sources),
    )


def _stranded(
    context: Context, sources: Sources, pid: int | Missing
) -> tuple[tuple[StrandedReading, ...], Missing | None]:
    if not sources.state.is_running:
        return (), NOT_RUNNING
    if isinstance(pid, Missing):
        return (), pid
    by_accounting = (
        context.cpus
        if isinstance(context.cpus, Missing)
        else derive_stranded_by_accounting(
            sources.cgroup,
            sources.process,
            accounting_floor_bytes(context.cpus, context.page_size_bytes),
            context.mapcount_gap,
            context.vmstat,
        )
    )
    return derive_stranded(context.page_map, sources.name, pid, by_accounting)


def _charged(sources: Sources, counters: tuple[str, ...] | None) -> int | Missing:
    """The group's usage, or a counter of its memory.stat; a gap where the group is not the domain's alone."""
    cgroup = sources.cgroup
    if isinstance(cgroup, Missing):
        return cgroup
    if gap := sharing_gap(cgroup, sources.process):
        return gap
    if counters is None:
        return cgroup.own.usage_bytes
    if isinstance(cgroup.stat, Missing):
        return cgroup.stat
    return or_gap(counter_of(cgroup, *counters), "memory.stat", f"no row {' or '.join(counters)}")


def _guest(context: Context, sources: Sources, period_s: int | None) -> GuestStatistics | Missing:
    found = derive_guest_statistics(sources.stats, sources.stats_again, period_s, context.evidence.taken_at)
    gap = sources.domain.stats_gap if sources.domain else None
    return gap if gap is not None and isinstance(found, Missing) else found


def _when_running(sources: Sources, fact: Fact | Missing) -> Fact | Missing:
    if sources.state.is_running:
        return fact
    return Missing(source="balloon", reason=Reason.NOT_FOUND, detail="the domain is not running")
