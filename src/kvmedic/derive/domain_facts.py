"""The facts of one domain, each from the best source that has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, TypeVar

from kvmedic.derive.balloon import balloon_bytes, derive_driver, derive_guest_statistics
from kvmedic.derive.cgroup_of import Hierarchy, counter_of, derive_cgroup
from kvmedic.derive.domain_state import DomainState, derive_domain_state
from kvmedic.derive.inhibitors import (
    derive_backing,
    derive_hugepage_size,
    derive_inhibitors,
    parse_qemu_size,
)
from kvmedic.derive.libvirt_domains import LibvirtDomain
from kvmedic.derive.managed_by import Surroundings, derive_manager
from kvmedic.derive.pending_changes import derive_pending_changes
from kvmedic.derive.proxmox import ProxmoxSettings, derive_proxmox
from kvmedic.derive.qemu_processes import QemuProcess
from kvmedic.derive.stranded_accounting import accounting_floor_bytes, derive_stranded_by_accounting
from kvmedic.derive.stranded_readings import NOT_RUNNING, derive_stranded
from kvmedic.model.domain import CgroupFacts, DomainFacts, GuestStatistics, ProcessFacts, StrandedReading
from kvmedic.model.evidence import Evidence
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.page_map import PageMap
from kvmedic.parse.domain_xml import DomainDefinition
from kvmedic.parse.qemu_command_line import QemuArguments
from kvmedic.units import MIB

Fact = TypeVar("Fact")
_NOT_LISTED = Missing(source="libvirt", reason=Reason.NOT_FOUND, detail="libvirt does not list it")
_TARGET = Missing(
    source="balloon target",
    reason=Reason.NOT_FOUND,
    detail="libvirt does not say what was asked for; only our journal or a manager's log does",
)


class Context(NamedTuple):
    """What all domains of a host share."""

    evidence: Evidence
    page_map: PageMap | Missing
    hierarchy: Hierarchy | Missing
    surroundings: Surroundings
    cpus: int | Missing
    page_size_bytes: int
    mapcount_gap: Missing | None
    vmstat: Mapping[str, int] | Missing
    default_hugepage_bytes: int | None
    are_processes_known: bool

    @property
    def hugetlbfs(self) -> Mapping[str, int | None]:
        """Mounts of hugetlbfs, as far as they are known."""
        return {} if isinstance(self.hierarchy, Missing) else self.hierarchy.hugetlbfs


class Sources(NamedTuple):
    """The sources about one domain, looked up once."""

    name: str
    domain: LibvirtDomain | None
    definition: DomainDefinition | None
    arguments: QemuArguments | None
    process: ProcessFacts | Missing
    cgroup: CgroupFacts | Missing
    proxmox: ProxmoxSettings | None
    state: DomainState
    stats: Mapping[str, str] | Missing


def domain_facts(context: Context, domain: LibvirtDomain | None, process: QemuProcess | None) -> DomainFacts:
    """The facts of a domain with its process, a domain without one, or a process without a domain."""
    sources = _sources(context, domain, process)
    definition, arguments, stats = sources.definition, sources.arguments, sources.stats
    maximum = _maximum(sources)
    actual = _actual(sources)
    period_s = definition.stats_period_s if definition else None
    backing = derive_backing(definition, arguments, sources.process, context.hugetlbfs)
    model = _balloon_model(sources)
    group = None if isinstance(sources.cgroup, Missing) else sources.cgroup.path
    manager = derive_manager(sources.name, definition, arguments, group, context.surroundings)
    pid = _pid(sources, process)
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
        uuid=_uuid(sources),
        source=_source(domain),
        state=sources.state.word,
        state_reason=_or_gap(sources.state.reason, "state reason", "no source gives a reason"),
        is_running=sources.state.is_running,
        is_persistent=_is_persistent(sources),
        autostarts=_autostarts(sources, context.evidence),
        managed_by=manager.name,
        managed_by_because=manager.because,
        pid=pid,
        process=sources.process,
        vcpus=_vcpus(sources),
        memory_max_bytes=maximum,
        balloon_configured_bytes=_configured(sources),
        balloon_target_bytes=_TARGET,
        balloon_actual_bytes=actual,
        balloon_model=model,
        balloon_driver=_when_running(sources, derive_driver(model, stats, period_s, maximum, actual)),
        free_page_reporting=_option(sources, "free-page-reporting"),
        deflate_on_oom=_option(sources, "deflate-on-oom"),
        guest=_when_running(sources, _guest(context, sources, period_s)),
        backing=backing,
        discards_inhibited_by=inhibitors,
        rss_bytes=_rss(sources, process),
        memcg_bytes=_charged(sources.cgroup, None),
        thp_bytes=_charged(sources.cgroup, ("rss_huge", "anon_thp")),
        cgroup=sources.cgroup,
        stranded=stranded,
        stranded_gap=stranded_gap,
        host_nodes=_host_nodes(sources),
        hugepage_size_bytes=(
            derive_hugepage_size(definition, arguments, context.hugetlbfs, context.default_hugepage_bytes)
            if backing == "hugetlb"
            else None
        ),
        job=domain.job if domain else None,
        pending_changes=derive_pending_changes(domain.running_definition, domain.inactive) if domain else (),
        has_managed_save=_has_managed_save(sources),
    )


def _sources(context: Context, domain: LibvirtDomain | None, process: QemuProcess | None) -> Sources:
    evidence = context.evidence
    arguments = None if process is None or isinstance(process.arguments, Missing) else process.arguments
    proxmox = derive_proxmox(evidence, arguments.proxmox_id if arguments else None)
    none = Missing(source="process", reason=Reason.NOT_FOUND, detail="no QEMU process of it was seen")
    return Sources(
        name=_name(domain, arguments, proxmox, process),
        domain=domain,
        definition=domain.definition if domain else None,
        arguments=arguments,
        process=process.facts if process else none,
        cgroup=derive_cgroup(evidence, context.hierarchy, process.pid) if process else none,
        proxmox=proxmox,
        state=derive_domain_state(domain, process, are_processes_known=context.are_processes_known),
        stats=domain.stats if domain else _NOT_LISTED,
    )


def _name(
    domain: LibvirtDomain | None,
    arguments: QemuArguments | None,
    proxmox: ProxmoxSettings | None,
    process: QemuProcess | None,
) -> str:
    if domain is not None:
        return domain.name
    named = (proxmox and proxmox.name) or (arguments and (arguments.name or arguments.proxmox_id))
    return named or f"process {process.pid if process else 0}"


def _uuid(sources: Sources) -> str | Missing:
    uuid = (sources.domain and sources.domain.uuid) or (sources.arguments and sources.arguments.uuid)
    return _or_gap(uuid or None, "uuid", "no source gives it")


def _source(domain: LibvirtDomain | None) -> Literal["libvirt", "status-xml", "process"]:
    if domain is None:
        return "process"
    return "libvirt" if domain.is_answered else "status-xml"


def _pid(sources: Sources, process: QemuProcess | None) -> int | Missing:
    if process is not None:
        return process.pid
    if sources.state.is_running and sources.domain is not None and sources.domain.status is not None:
        return sources.domain.status.pid
    return Missing(source="pid", reason=Reason.NOT_FOUND, detail="no QEMU process of it was seen")


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


def _maximum(sources: Sources) -> int | Missing:
    """<memory> of the definition; else libvirt's maximum; else -m."""
    if sources.definition is not None:
        return sources.definition.memory_bytes
    by_libvirt = balloon_bytes(sources.stats, "maximum")
    if not isinstance(by_libvirt, Missing):
        return by_libvirt
    written = sources.arguments.memory if sources.arguments else None
    return _or_gap(parse_qemu_size(written or "", MIB), "memory of the domain", "no source gives it")


def _configured(sources: Sources) -> int | Missing:
    if sources.definition is not None:
        return sources.definition.current_memory_bytes
    balloon = sources.proxmox.balloon_bytes if sources.proxmox else None
    return _or_gap(balloon or None, "currentMemory", "there is no definition of libvirt")


def _actual(sources: Sources) -> int | Missing:
    """What domstats says; else currentMemory of the live definition, which libvirt keeps at ``actual``.

    A QEMU without a balloon device has all of its maximum.
    """
    if not sources.state.is_running:
        return Missing(source="balloon actual", reason=Reason.NOT_FOUND, detail="the domain is not running")
    if sources.domain is None and _balloon_model(sources) == "none":
        return _maximum(sources)
    found = balloon_bytes(sources.stats, "current")
    live = sources.domain.running_definition if sources.domain else None
    return live.current_memory_bytes if isinstance(found, Missing) and live else found


def _balloon_model(sources: Sources) -> str | Missing:
    if sources.definition is not None and sources.definition.balloon_model is not None:
        return sources.definition.balloon_model
    if sources.arguments is not None:
        return "virtio" if sources.arguments.balloons else "none"
    return Missing(source="balloon model", reason=Reason.NOT_FOUND, detail="no source gives it")


def _option(sources: Sources, name: Literal["free-page-reporting", "deflate-on-oom"]) -> bool | Missing:
    """A switch of the balloon device, as QEMU was given it, else as it is defined."""
    if sources.arguments is not None:
        return any(balloon.get(name) in {"on", "true", "yes"} for balloon in sources.arguments.balloons)
    definition = sources.definition
    if definition is None:
        return Missing(source=name, reason=Reason.NOT_FOUND, detail="no source gives it")
    return definition.free_page_reporting if name == "free-page-reporting" else definition.deflate_on_oom


def _vcpus(sources: Sources) -> int | Missing:
    if sources.definition is not None:
        return sources.definition.vcpus
    return _or_gap(sources.arguments.vcpus if sources.arguments else None, "vcpus", "no source gives it")


def _rss(sources: Sources, process: QemuProcess | None) -> int | Missing:
    """Of the process; else what libvirt says it is."""
    if process is not None and not isinstance(process.rss_bytes, Missing):
        return process.rss_bytes
    by_libvirt = balloon_bytes(sources.stats, "rss")
    return process.rss_bytes if process is not None and isinstance(by_libvirt, Missing) else by_libvirt


def _charged(cgroup: CgroupFacts | Missing, counters: tuple[str, ...] | None) -> int | Missing:
    """The group's usage, or a counter of its memory.stat; a gap where the group is not the domain's alone."""
    if isinstance(cgroup, Missing):
        return cgroup
    if len(cgroup.qemu_pids) != 1:
        detail = f"{len(cgroup.qemu_pids)} QEMU processes are charged to {cgroup.path}"
        return Missing(source="memory of the group", reason=Reason.UNSUPPORTED, detail=detail)
    if counters is None:
        return cgroup.own.usage_bytes
    if isinstance(cgroup.stat, Missing):
        return cgroup.stat
    return _or_gap(counter_of(cgroup, *counters), "memory.stat", f"no row {' or '.join(counters)}")


def _host_nodes(sources: Sources) -> str | None:
    if sources.definition is not None and sources.definition.host_nodes:
        return sources.definition.host_nodes
    backends = sources.arguments.backends if sources.arguments else ()
    bound = [backend.host_nodes for backend in backends if backend.host_nodes]
    return ",".join(dict.fromkeys(bound)) or None


def _is_persistent(sources: Sources) -> bool | Missing:
    domain = sources.domain
    if domain is None:
        return True if sources.proxmox else _NOT_LISTED
    if domain.info is not None and domain.info.is_persistent is not None:
        return domain.info.is_persistent
    if domain.inactive is not None:
        return True
    return Missing(source="persistence", reason=Reason.NOT_FOUND, detail="no source gives it")


def _autostarts(sources: Sources, evidence: Evidence) -> bool | Missing:
    domain = sources.domain
    if domain is None:
        return sources.proxmox.starts_on_boot if sources.proxmox else _NOT_LISTED
    if domain.info is not None and domain.info.autostarts is not None:
        return domain.info.autostarts
    if isinstance(evidence.read(f"etc/libvirt/qemu/autostart/{domain.name}.xml"), bytes):
        return True
    return Missing(source="autostart", reason=Reason.NOT_FOUND, detail="no source gives it")


def _has_managed_save(sources: Sources) -> bool | Missing:
    info = sources.domain.info if sources.domain else None
    return _or_gap(info.has_managed_save if info else None, "managed save", "no source gives it")


def _guest(context: Context, sources: Sources, period_s: int | None) -> GuestStatistics | Missing:
    found = derive_guest_statistics(sources.stats, period_s, context.evidence.taken_at)
    gap = sources.domain.stats_gap if sources.domain else None
    return gap if gap is not None and isinstance(found, Missing) else found


def _when_running(sources: Sources, fact: Fact | Missing) -> Fact | Missing:
    if sources.state.is_running:
        return fact
    return Missing(source="balloon", reason=Reason.NOT_FOUND, detail="the domain is not running")


def _or_gap(fact: Fact | None, source: str, detail: str) -> Fact | Missing:
    return Missing(source=source, reason=Reason.NOT_FOUND, detail=detail) if fact is None else fact
