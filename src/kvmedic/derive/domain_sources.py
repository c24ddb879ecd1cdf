"""The sources about one domain, looked up once, and each plain fact from the best of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, TypeVar

from kvmedic.derive.balloon import balloon_bytes
from kvmedic.derive.cgroup_of import Hierarchy, derive_cgroup
from kvmedic.derive.domain_state import DomainState, derive_domain_state
from kvmedic.derive.inhibitors import parse_qemu_size
from kvmedic.derive.libvirt_domains import LibvirtDomain
from kvmedic.derive.managed_by import Surroundings
from kvmedic.derive.proxmox import ProxmoxSettings, derive_proxmox
from kvmedic.derive.qemu_processes import QemuProcess
from kvmedic.model.domain import CgroupFacts, ProcessFacts
from kvmedic.model.evidence import Evidence
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.page_map import PageMap
from kvmedic.parse.domain_xml import DomainDefinition
from kvmedic.parse.qemu_arguments import QemuArguments
from kvmedic.units import MIB

Fact = TypeVar("Fact")
_NOT_LISTED = Missing(source="libvirt", reason=Reason.NOT_FOUND, detail="libvirt does not list it")


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
    stats_again: Mapping[str, str] | Missing


def look_up(context: Context, domain: LibvirtDomain | None, process: QemuProcess | None) -> Sources:
    """All that is known of a domain with its process, of one alone, or of the other alone."""
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
        stats_again=domain.stats_again if domain else _NOT_LISTED,
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


def uuid_of(sources: Sources) -> str | Missing:
    """By libvirt, else by QEMU's -uuid."""
    uuid = (sources.domain and sources.domain.uuid) or (sources.arguments and sources.arguments.uuid)
    return or_gap(uuid or None, "uuid", "no source gives it")


def source_of(domain: LibvirtDomain | None) -> Literal["libvirt", "status-xml", "process"]:
    """Who told of it first: libvirt, libvirt's files, or the list of processes."""
    if domain is None:
        return "process"
    return "libvirt" if domain.is_answered else "status-xml"


def pid_of(sources: Sources, process: QemuProcess | None) -> int | Missing:
    """Of the process that is there; else the one that libvirt recorded for a domain that runs."""
    if process is not None:
        return process.pid
    if sources.state.is_running and sources.domain is not None and sources.domain.status is not None:
        return sources.domain.status.pid
    return Missing(source="pid", reason=Reason.NOT_FOUND, detail="no QEMU process of it was seen")


def maximum_of(sources: Sources) -> int | Missing:
    """<memory> of the definition; else libvirt's maximum; else -m and the DIMMs that QEMU was started with.

    <memory> holds the whole of every memory device: what a virtio-mem does not give the guest is taken off,
    or it would look like a balloon. Proxmox VE plugs DIMMs into a running guest: of these only its
    configuration tells.
    """
    if sources.definition is not None:
        devices = sources.definition.memory_devices
        unplugged = sum(max(device.size_bytes - device.plugged_bytes, 0) for device in devices)
        return max(sources.definition.memory_bytes - unplugged, 0)
    by_libvirt = balloon_bytes(sources.stats, "maximum")
    if not isinstance(by_libvirt, Missing):
        return by_libvirt
    at_start = _memory_at_start(sources.arguments) if sources.arguments else None
    configured = sources.proxmox.memory_bytes if sources.proxmox else None
    known = [amount for amount in (at_start, configured) if amount is not None]
    return or_gap(max(known, default=None), "memory of the domain", "no source gives it")


def _memory_at_start(arguments: QemuArguments) -> int | None:
    base = parse_qemu_size(arguments.memory or "", MIB)
    dimms = [parse_qemu_size(size, 1) for size in arguments.dimm_sizes]
    return None if base is None else base + sum(size for size in dimms if size is not None)


def configured_of(sources: Sources) -> int | Missing:
    """currentMemory of the definition; on Proxmox, what its auto-balloon may go down to."""
    if sources.definition is not None:
        return sources.definition.current_memory_bytes
    balloon = sources.proxmox.balloon_bytes if sources.proxmox else None
    return or_gap(balloon or None, "currentMemory", "there is no definition of libvirt")


def actual_of(sources: Sources) -> int | Missing:
    """What domstats says; else currentMemory of the live definition, which libvirt keeps at ``actual``.

    A QEMU without a balloon device has all of its maximum.
    """
    if not sources.state.is_running:
        return Missing(source="balloon actual", reason=Reason.NOT_FOUND, detail="the domain is not running")
    if sources.domain is None and balloon_model_of(sources) == "none":
        return maximum_of(sources)
    found = balloon_bytes(sources.stats, "current")
    live = sources.domain.running_definition if sources.domain else None
    return live.current_memory_bytes if isinstance(found, Missing) and live else found


def balloon_model_of(sources: Sources) -> str | Missing:
    """Of the definition; else whether QEMU was given a balloon."""
    if sources.definition is not None and sources.definition.balloon_model is not None:
        return sources.definition.balloon_model
    if sources.arguments is not None:
        return "virtio" if sources.arguments.balloons else "none"
    return Missing(source="balloon model", reason=Reason.NOT_FOUND, detail="no source gives it")


def balloon_option(
    sources: Sources, name: Literal["free-page-reporting", "deflate-on-oom"]
) -> bool | Missing:
    """A switch of the balloon device, as QEMU was given it, else as it is defined."""
    if sources.arguments is not None:
        return any(balloon.get(name) in {"on", "true", "yes"} for balloon in sources.arguments.balloons)
    definition = sources.definition
    if definition is None:
        return Missing(source=name, reason=Reason.NOT_FOUND, detail="no source gives it")
    return definition.free_page_reporting if name == "free-page-reporting" else definition.deflate_on_oom


def vcpus_of(sources: Sources) -> int | Missing:
    """Of the definition, else of -smp."""
    if sources.definition is not None:
        return sources.definition.vcpus
    return or_gap(sources.arguments.vcpus if sources.arguments else None, "vcpus", "no source gives it")


def is_emulated(sources: Sources) -> bool | Missing:
    """Whether TCG runs it: by the definition's type, else by QEMU's accelerator (TCG if none is named)."""
    if sources.definition is not None:
        return sources.definition.domain_type == "qemu"
    if sources.arguments is None:
        return Missing(source="accelerator", reason=Reason.NOT_FOUND, detail="no source gives it")
    return sources.arguments.accelerator in (None, "tcg")


def rss_of(sources: Sources, process: QemuProcess | None) -> int | Missing:
    """Of the process; else what libvirt says it is."""
    if process is not None and not isinstance(process.rss_bytes, Missing):
        return process.rss_bytes
    by_libvirt = balloon_bytes(sources.stats, "rss")
    return process.rss_bytes if process is not None and isinstance(by_libvirt, Missing) else by_libvirt


def host_nodes_of(sources: Sources) -> str | None:
    """Nodes the memory is bound to, by the definition, else by QEMU's backends."""
    if sources.definition is not None and sources.definition.host_nodes:
        return sources.definition.host_nodes
    backends = sources.arguments.backends if sources.arguments else ()
    bound = [backend.host_nodes for backend in backends if backend.host_nodes]
    return ",".join(dict.fromkeys(bound)) or None


def is_persistent(sources: Sources) -> bool | Missing:
    """Whether it has a definition that outlives it."""
    domain = sources.domain
    if domain is None:
        return True if sources.proxmox else _NOT_LISTED
    if domain.info is not None and domain.info.is_persistent is not None:
        return domain.info.is_persistent
    if domain.inactive is not None:
        return True
    return Missing(source="persistence", reason=Reason.NOT_FOUND, detail="no source gives it")


def autostarts(sources: Sources, evidence: Evidence) -> bool | Missing:
    """Whether it starts with the host."""
    domain = sources.domain
    if domain is None:
        return sources.proxmox.starts_on_boot if sources.proxmox else _NOT_LISTED
    if domain.info is not None and domain.info.autostarts is not None:
        return domain.info.autostarts
    if isinstance(evidence.read(f"etc/libvirt/qemu/autostart/{domain.name}.xml"), bytes):
        return True
    return Missing(source="autostart", reason=Reason.NOT_FOUND, detail="no source gives it")


def has_managed_save(sources: Sources) -> bool | Missing:
    """Whether a saved image will be resumed instead of a boot."""
    info = sources.domain.info if sources.domain else None
    return or_gap(info.has_managed_save if info else None, "managed save", "no source gives it")


def or_gap(fact: Fact | None, source: str, detail: str) -> Fact | Missing:
    """The fact, or the gap in its place."""
    return Missing(source=source, reason=Reason.NOT_FOUND, detail=detail) if fact is None else fact
