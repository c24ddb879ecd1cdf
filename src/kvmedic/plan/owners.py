"""Whose domain is it: what changes a definition or a place fails closed unless it is plain libvirt's.

Another manager would not know of the change, and undo it, or be misled by it. So its own way is named.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kvmedic.model.domain import DomainFacts, ManagedBy
from kvmedic.model.gap import Missing
from kvmedic.model.plan import Blocker
from kvmedic.plan.situation import blocker

_NO_BALLOON: Mapping[ManagedBy, str] = {
    "nova": "set mem_stats_period_seconds = 0 in [libvirt] of nova.conf on the host, then hard-reboot the "
    "instance (openstack server reboot --hard ID)",
    "proxmox": "qm set VMID --balloon 0, then qm shutdown VMID and qm start VMID",
    "kubevirt": "autoattachMemBalloon: false in spec.domain.devices of the VirtualMachine, then restart it",
    "harvester": "autoattachMemBalloon: false in spec.domain.devices of the VirtualMachine, then restart it",
    "ovirt": "in the engine: Edit VM, Resource Allocation, Memory Balloon off; then restart the VM",
    "cloudstack": "vm.memballoon.disable=true in agent.properties of the host, then stop and start the VM",
    "opennebula": "change the VM template in OpenNebula, then power the VM off and on (onevm)",
    "pacemaker": "change the definition file the resource names, on every node; then pcs resource restart",
}
_OTHER: Mapping[ManagedBy, str] = {
    "nova": "change the flavor or image properties in OpenStack, then hard-reboot the instance",
    "proxmox": "qm set VMID (see qm help set)",
    "kubevirt": "change the VirtualMachine object, then restart it",
    "harvester": "change the VirtualMachine object, then restart it",
    "ovirt": "change the VM in the engine, then restart it",
    "cloudstack": "change the VM's settings in CloudStack, then stop and start it",
    "opennebula": "change the VM template in OpenNebula, then power the VM off and on (onevm)",
    "pacemaker": "change the definition file the resource names, on every node; then pcs resource restart",
}


def not_ours(domain: DomainFacts, *, is_about_balloon: bool) -> Iterable[Blocker]:
    """Why the definition of ``domain`` is not ours to change; nothing where plain libvirt owns it."""
    if domain.managed_by == "by-hand" or domain.source == "process":
        yield blocker(
            "libvirt does not list it, so there is no definition to change",
            domain.managed_by_because,
            "change the command line of whoever starts it"
            if domain.managed_by == "by-hand"
            else instead_of(domain, is_about_balloon=is_about_balloon),
        )
    elif domain.managed_by != "libvirt":
        yield blocker(
            f"{domain.managed_by} owns this domain ({domain.managed_by_because})",
            "managed_by",
            instead_of(domain, is_about_balloon=is_about_balloon),
        )
    if isinstance(domain.uuid, Missing):
        yield blocker("its UUID is not known", domain.uuid.source)
    if domain.is_persistent is False:
        yield blocker("it is transient: it has no definition to change", "libvirt")


def instead_of(domain: DomainFacts, *, is_about_balloon: bool) -> str | None:
    """The owner's own way."""
    return (_NO_BALLOON if is_about_balloon else _OTHER).get(domain.managed_by)


def not_listed(domain: DomainFacts) -> Iterable[Blocker]:
    """Why libvirt cannot be asked to do something with a running domain."""
    if domain.source == "process" or isinstance(domain.uuid, Missing):
        yield blocker(
            "libvirt does not list it", domain.managed_by_because, instead_of(domain, is_about_balloon=True)
        )
    if domain.state == "paused":
        yield blocker("it is paused", "libvirt")
    if domain.job is not None:
        yield blocker(f"a job is under way: {domain.job}", "libvirt")
