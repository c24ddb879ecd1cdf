"""Why a domain cannot leave its host, or cannot come to another one: every reason, before anything is
begun. Pure.

After libvirt's own checks (qemu_migration.c: qemuMigrationSrcIsAllowed, qemuMigrationSrcIsSafe), and what it
leaves to the destination: CPU, memory, huge pages, files.
"""

from __future__ import annotations

from collections.abc import Iterator

from kvmedic.model.domain import DomainFacts, ManagedBy
from kvmedic.model.gap import Missing
from kvmedic.model.migration import DestinationFacts, DiskUse, Mobility
from kvmedic.model.plan import Blocker
from kvmedic.plan.headroom import MARGIN_SHARE, MOST_MARGIN_BYTES, growth_of
from kvmedic.plan.situation import HostView, Situation, blocker
from kvmedic.units import MIB, human_bytes

SAFE_CACHES = ("none", "directsync")
SHARED_FILESYSTEMS = (
    "nfs",
    "nfs4",
    "ceph",
    "gfs/gfs2",
    "gfs2",
    "ocfs2",
    "gpfs",
    "glusterfs",
    "cifs",
    "smb",
    "smb2",
    "afs",
    "lustre",
)
"""As stat(1) prints them; those that libvirt takes for shared (virFileIsSharedFS)."""
QEMU_OVERHEAD_BYTES = 256 * MIB
"""QEMU itself, its page tables and buffers, beside the guest's memory."""
MIGRATING_BYTES = 96 * MIB
"""What a migration takes at the source: buffers, the dirty bitmap."""
OTHER_WAYS: dict[ManagedBy, str] = {
    "nova": "openstack server migrate --live-migration INSTANCE",
    "proxmox": "qm migrate VMID TARGETNODE --online",
    "kubevirt": "virtctl migrate NAME",
    "harvester": "virtctl migrate NAME, or Migrate in Harvester's page of the VM",
    "ovirt": "in the engine: Compute, Virtual Machines, Migrate",
    "cloudstack": "cmk migrate virtualmachine virtualmachineid=ID hostid=ID",
    "opennebula": "onevm migrate --live VMID HOSTID",
    "pacemaker": "pcs resource move RESOURCE NODE (live where the resource has allow-migrate=true)",
}


def blockers_of_leaving(situation: Situation, domain: DomainFacts, freed_bytes: int = 0) -> Iterator[Blocker]:
    """Why the domain cannot leave its host now, wherever it would go.

    ``freed_bytes`` are what others that leave before it will have given back by then.
    """
    yield from _owner(domain)
    fleet = situation.fleet
    if fleet is None or isinstance(fleet.mobility, Missing):
        detail = "nobody looked" if fleet is None else str(fleet.mobility)
        yield blocker("what holds it here is not known", detail)
        return
    mobility = fleet.mobility.get(str(domain.uuid))
    if mobility is None:
        yield blocker("what holds it here is not known", "libvirt did not tell of it")
        return
    if domain.state != "running":
        yield blocker(f"it is {domain.state}", "libvirt")
    yield from blockers_of_itself(mobility)
    yield from _source_memory(situation, domain, mobility, freed_bytes)


def _owner(domain: DomainFacts) -> Iterator[Blocker]:
    if domain.source == "process" or domain.managed_by == "by-hand" or isinstance(domain.uuid, Missing):
        yield blocker(
            "libvirt does not list it", domain.managed_by_because, OTHER_WAYS.get(domain.managed_by)
        )
    elif domain.managed_by != "libvirt":
        yield blocker(
            f"{domain.managed_by} owns this domain ({domain.managed_by_because})",
            "managed_by",
            OTHER_WAYS.get(domain.managed_by),
        )


def blockers_of_itself(mobility: Mobility) -> Iterator[Blocker]:
    """What the domain has that cannot move, wherever it is and would go."""
    name = mobility.name
    if mobility.has_job:
        yield blocker("a job is under way", "libvirt", f"virsh domjobinfo {name}")
    if mobility.snapshots:
        yield blocker(f"it has {mobility.snapshots} snapshots", "libvirt", f"virsh snapshot-list {name}")
    if mobility.checkpoints:
        yield blocker(
            f"it has {mobility.checkpoints} checkpoints", "libvirt", f"virsh checkpoint-list {name}"
        )
    for target in mobility.block_jobs:
        yield blocker(f"a block job runs on {target}", "libvirt", f"virsh blockjob {name} {target}")
    for phrase in mobility.holds:
        yield blocker(f"it has {phrase}, which cannot move", "libvirt definition")
    for disk in mobility.disks:
        yield from _disk(disk)


def _disk(disk: DiskUse) -> Iterator[Blocker]:
    if disk.source is None or disk.is_read_only:
        return
    if disk.kind == "file" and disk.filesystem not in SHARED_FILESYSTEMS:
        shown = disk.filesystem if isinstance(disk.filesystem, str) else "an unknown file system"
        yield blocker(f"its disk {disk.target} is local ({disk.source} on {shown})", "libvirt definition")
    elif disk.kind in ("dir", "nvme", "vhostuser", "volume"):
        yield blocker(
            f"its disk {disk.target} is a {disk.kind}: not known to be shared", "libvirt definition"
        )
    elif disk.kind in ("file", "block") and disk.cache not in SAFE_CACHES:
        yield blocker(
            f"its disk {disk.target} has cache mode {disk.cache or 'default'}: stale data there",
            "libvirt definition",
            "set cache='none' and power-cycle it",
        )


def _source_memory(
    situation: Situation, domain: DomainFacts, mobility: Mobility, freed: int
) -> Iterator[Blocker]:
    """Reading the balloon's holes of shared memory allocates them; anonymous holes read as the zero page."""
    meminfo = situation.snapshot.memory.meminfo
    available = None if isinstance(meminfo, Missing) else meminfo.get("MemAvailable")
    if available is None:
        yield blocker("the host's available memory is not known", "proc/meminfo")
        return
    need = needed_at_source(domain, mobility)
    if available + freed < need:
        yield blocker(
            f"a migration takes up to {human_bytes(need)} here, and {human_bytes(available)} are available",
            "proc/meminfo",
            "make room first: kvmedic plan --remedy release-stranded-memory",
        )


def needed_at_source(domain: DomainFacts, mobility: Mobility) -> int:
    """What a migration may take where the guest is: buffers, and the balloon's holes of shared memory."""
    holes = 0
    if mobility.is_shared_memory and isinstance(domain.balloon_actual_bytes, int):
        holes = max(0, mobility.maximum_bytes - domain.balloon_actual_bytes)
    return MIGRATING_BYTES + holes


def blockers_of_coming(view: HostView, mobility: Mobility, reserved_bytes: int = 0) -> Iterator[Blocker]:
    """Why the domain cannot come to this host; ``reserved_bytes`` are promised to others already."""
    if isinstance(view.marks, Missing):
        if view.marks.reason.value != "not-collected":
            yield blocker(f"{view.name}: its marks could not be read", str(view.marks))
    elif view.marks.cordon is not None:
        yield blocker(f"{view.name} is cordoned: {view.marks.cordon}", "/run/kvmedic/cordon")
    if isinstance(view.libvirt, Missing):
        yield blocker(f"{view.name}: its libvirt does not answer", str(view.libvirt))
        return
    if not isinstance(view.marks, Missing):
        for path in view.marks.missing_files:
            if path in mobility.files or any(path == disk.source for disk in mobility.disks):
                yield blocker(f"{view.name} has no {path}", "ssh")
    yield from _identity(view.name, view.libvirt, mobility)
    yield from _memory(view, view.libvirt, mobility, reserved_bytes)


def _identity(name: str, facts: DestinationFacts, mobility: Mobility) -> Iterator[Blocker]:
    if facts.host_uuid == mobility.host_uuid:
        yield blocker(f"{name} has the same host UUID: it is this host, or a copy of it", "libvirt")
    there = facts.domains.get(mobility.uuid)
    if there is None:
        yield blocker(f"{name} was not asked about this domain", "libvirt")
        return
    if there.state not in (None, "shut off"):
        yield blocker(f"the domain is {there.state} on {name} already", "libvirt")
    if there.is_name_taken:
        yield blocker(f"{name} has another domain of this name", "libvirt")
    if there.cpu.answer == "incompatible":
        yield blocker(f"{name} cannot give it this CPU", "virConnectCompareHypervisorCPU")
    if there.cpu.answer == "error":
        yield blocker(
            f"{name} could not compare the CPU: {there.cpu.detail}", "virConnectCompareHypervisorCPU"
        )


def _memory(view: HostView, facts: DestinationFacts, mobility: Mobility, reserved: int) -> Iterator[Blocker]:
    if mobility.hugepage_size_bytes is not None:
        yield from _huge_pages(view.name, facts, mobility)
        return
    room, need = room_bytes(view) - reserved, needed_bytes(mobility)
    if need > room:
        yield blocker(
            f"{view.name} has room for {human_bytes(max(0, room))}; the guest may use {human_bytes(need)} "
            "(its maximum, and QEMU)",
            "memory of the destination",
        )
    if mobility.is_locked and mobility.hard_limit_bytes is None:
        return
    if mobility.hard_limit_bytes is not None and mobility.hard_limit_bytes < mobility.maximum_bytes:
        yield blocker("its hard limit is below its memory: it would be killed there", "libvirt definition")


def _huge_pages(name: str, facts: DestinationFacts, mobility: Mobility) -> Iterator[Blocker]:
    size = mobility.hugepage_size_bytes or 2 * MIB
    wanted = -(-mobility.maximum_bytes // size)
    nodes = nodes_of(mobility.host_nodes) or set(facts.free_huge_pages)
    free = sum(facts.free_huge_pages.get(node, {}).get(size, 0) for node in nodes)
    if free < wanted:
        yield blocker(
            f"{name} has {free} free huge pages of {human_bytes(size)} where it would run; it needs {wanted}",
            "virNodeGetFreePages",
        )


def needed_bytes(mobility: Mobility) -> int:
    """What the destination may have to give: the guest at its maximum, and QEMU itself."""
    return mobility.maximum_bytes + QEMU_OVERHEAD_BYTES


def room_bytes(view: HostView) -> int:
    """What the destination can give: available memory less a margin and less what its own guests may still
    touch."""
    if isinstance(view.libvirt, Missing):
        return 0
    total, available = view.libvirt.total_bytes, view.libvirt.available_bytes
    if not isinstance(view.snapshot, Missing) and not isinstance(view.snapshot.memory.meminfo, Missing):
        available = view.snapshot.memory.meminfo.get("MemAvailable") or available
    margin = min(int(total * MARGIN_SHARE), MOST_MARGIN_BYTES)
    return available - margin - growth_there(view)


def growth_there(view: HostView) -> int:
    """What the destination's own guests may still touch; unknown ones count nothing here, and are noted."""
    if isinstance(view.snapshot, Missing):
        return 0
    growths = (growth_of(domain) for domain in view.snapshot.running)
    return sum(growth for growth in growths if isinstance(growth, int))


def nodes_of(text: str | None) -> set[int]:
    """The NUMA nodes of a kernel list ("0-1,3"); none where it binds nothing."""
    found: set[int] = set()
    for part in (text or "").split(","):
        first, _, last = part.strip().partition("-")
        if first.isdigit():
            found |= set(range(int(first), int(last if last.isdigit() else first) + 1))
    return found
