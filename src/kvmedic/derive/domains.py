"""The domains of a host: what libvirt says, joined with the QEMU processes that are really there."""

from __future__ import annotations

from kvmedic.derive.cgroup_of import derive_hierarchy
from kvmedic.derive.cpus import count_cpus
from kvmedic.derive.domain_facts import domain_facts
from kvmedic.derive.domain_sources import Context
from kvmedic.derive.host_stranded import mapcount_gap
from kvmedic.derive.kernel_configuration import derive_kernel_configuration
from kvmedic.derive.libvirt_domains import LibvirtDomain, derive_libvirt_domains
from kvmedic.derive.managed_by import Surroundings
from kvmedic.derive.page_size import derive_page_size
from kvmedic.derive.process_facts import derive_process_kinds, hidden_processes
from kvmedic.derive.processes import LIBVIRT_STATE, derive_libvirt_state
from kvmedic.derive.qemu_processes import QemuProcess, derive_qemu_processes
from kvmedic.derive.reading import read_with
from kvmedic.model.domain import DomainFacts
from kvmedic.model.evidence import Evidence
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.page_map import PageMap
from kvmedic.parse.meminfo import parse_meminfo
from kvmedic.parse.number import parse_word
from kvmedic.parse.vmstat import parse_vmstat

_PVE = "etc/pve/"
_HARVESTER = ("etc/harvester-release.yaml", "oem/harvester.config")


def derive_domains(
    evidence: Evidence, page_map: PageMap | Missing
) -> tuple[tuple[DomainFacts, ...] | Missing, list[Missing]]:
    """All domains, and the gaps in what is known of them.

    A QEMU process that libvirt does not list is a domain too (``source`` "process"). A gap instead of the
    domains where neither libvirt nor a list of processes could be read, or where processes are hidden: then
    nobody knows what runs here.
    """
    state = derive_libvirt_state(evidence)
    processes = derive_qemu_processes(evidence)
    known = derive_libvirt_domains(evidence, is_complete=state == "answers")
    gaps = _libvirt_gaps(evidence, state)
    if isinstance(processes, Missing):
        if isinstance(state, Missing) and not known:
            return state, [*gaps, processes]
        gaps.append(processes)
    seen = () if isinstance(processes, Missing) else processes
    if (hidden := hidden_processes(evidence)) and state != "answers" and not known and not seen:
        return hidden, gaps
    context = _context(evidence, page_map, seen, are_processes_known=not isinstance(processes, Missing))
    return tuple(domain_facts(context, domain, process) for domain, process in _joined(known, seen)), gaps


def _joined(
    known: tuple[LibvirtDomain, ...], processes: tuple[QemuProcess, ...]
) -> list[tuple[LibvirtDomain | None, QemuProcess | None]]:
    """Each domain with its process, then the processes that no domain claims."""
    left = {process.pid: process for process in processes}
    pairs: list[tuple[LibvirtDomain | None, QemuProcess | None]] = []
    for domain in known:
        process = _process_of(domain, left)
        pairs.append((domain, process))
        if process is not None:
            del left[process.pid]
    return pairs + [(None, process) for process in left.values()]


def _process_of(domain: LibvirtDomain, left: dict[int, QemuProcess]) -> QemuProcess | None:
    """By UUID; by the pid that libvirt recorded; by name, where the process names no other UUID."""
    by_name = None
    for process in left.values():
        arguments = process.arguments
        if isinstance(arguments, Missing):
            continue
        if domain.uuid and arguments.uuid == domain.uuid:
            return process
        if arguments.name == domain.name and not (domain.uuid and arguments.uuid):
            by_name = process
    recorded = left.get(domain.status.pid) if domain.status else None
    if recorded is not None and isinstance(recorded.arguments, Missing):
        return recorded
    return by_name


def _context(
    evidence: Evidence,
    page_map: PageMap | Missing,
    processes: tuple[QemuProcess, ...],
    *,
    are_processes_known: bool,
) -> Context:
    vmstat = read_with(evidence, "proc/vmstat", parse_vmstat)
    meminfo = read_with(evidence, "proc/meminfo", parse_meminfo)
    cpus = count_cpus(evidence)
    pids = tuple(process.pid for process in processes)
    return Context(
        evidence=evidence,
        page_map=page_map,
        hierarchy=derive_hierarchy(evidence, pids),
        surroundings=_surroundings(evidence),
        cpus=cpus,
        page_size_bytes=derive_page_size(evidence, meminfo, vmstat)[0],
        mapcount_gap=mapcount_gap(derive_kernel_configuration(evidence), vmstat),
        vmstat=vmstat,
        default_hugepage_bytes=None if isinstance(meminfo, Missing) else meminfo.get("Hugepagesize"),
        are_processes_known=are_processes_known,
    )


def _surroundings(evidence: Evidence) -> Surroundings:
    kinds = derive_process_kinds(evidence)
    rows = () if isinstance(kinds, Missing) else kinds.values()
    return Surroundings(
        daemons={row.removeprefix("daemon ") for row in rows if row.startswith("daemon ")},
        is_proxmox="daemon pmxcfs" in rows
        or any(isinstance(evidence.files[path], bytes) for path in evidence.paths(_PVE)),
        is_harvester=any(isinstance(evidence.read(path), bytes) for path in _HARVESTER),
    )


def _libvirt_gaps(evidence: Evidence, state: object) -> list[Missing]:
    """What one does not learn because libvirt did not answer."""
    if state == "hung":
        row = read_with(evidence, LIBVIRT_STATE, parse_word)
        detail = str(row).removeprefix("hung").strip()
        return [Missing(source="libvirt", reason=Reason.TIMED_OUT, detail=detail or "it does not answer")]
    if isinstance(state, Missing):
        return [state]
    prefix = "sos_commands/virsh/virsh_-r_domstats/"
    found = (evidence.read(path) for path in evidence.paths(prefix))
    return [gap for gap in found if isinstance(gap, Missing)]
