"""Who keeps the records of a domain, and how one knows. Only plain libvirt and hand-made ones are ours.

A definition names its manager in its metadata or in the make that it shows to the guest; else the place where
its QEMU runs does, or a manager that runs on this host.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NamedTuple

from kvmedic.model.domain import ManagedBy
from kvmedic.parse.domain_xml import DomainDefinition
from kvmedic.parse.qemu_arguments import QemuArguments

_NAMESPACES: tuple[tuple[str, ManagedBy], ...] = (
    ("http://openstack.org/xmlns/libvirt/nova/", "nova"),
    ("http://ovirt.org/vm/", "ovirt"),
    ("http://kubevirt.io", "kubevirt"),
    ("http://opennebula.org/xmlns/", "opennebula"),
    ("http://cloudstack.apache.org", "cloudstack"),
)
_MAKES: tuple[tuple[str, ManagedBy], ...] = (
    ("OpenStack Foundation", "nova"),
    ("OpenStack Nova", "nova"),
    ("OpenStack Compute", "nova"),
    ("RDO", "nova"),
    ("oVirt", "ovirt"),
    ("oVirt Node", "ovirt"),
    ("RHEV Hypervisor", "ovirt"),
    ("KubeVirt", "kubevirt"),
    ("Apache Software Foundation", "cloudstack"),
    ("CloudStack KVM Hypervisor", "cloudstack"),
)
_NAMES: tuple[tuple[re.Pattern[str], ManagedBy], ...] = (
    (re.compile(r"(?:i-[0-9]+-[0-9]+|[rsv]-[0-9]+)-VM"), "cloudstack"),
    (re.compile(r"instance-[0-9a-f]{8}"), "nova"),
    (re.compile(r"one-[0-9]+"), "opennebula"),
)
_DAEMONS: tuple[tuple[str, ManagedBy], ...] = (
    ("pacemakerd", "pacemaker"),
    ("vdsmd", "ovirt"),
    ("nova-compute", "nova"),
    ("cloudstack-agent", "cloudstack"),
)
_GROUPS: tuple[tuple[re.Pattern[str], ManagedBy], ...] = (
    (re.compile(r"(?:^|/)qemu\.slice/[0-9]+\.scope"), "proxmox"),
    (re.compile(r"(?:^|/)kubepods"), "kubevirt"),
)


class Manager(NamedTuple):
    """A manager, and the phrase that says how one knows."""

    name: ManagedBy
    because: str


class Surroundings(NamedTuple):
    """What a host shows of managers, apart from definitions: daemons by name, and whether files are there."""

    daemons: Collection[str]
    is_proxmox: bool
    is_harvester: bool


def derive_manager(
    name: str,
    definition: DomainDefinition | None,
    arguments: QemuArguments | None,
    group: str | None,
    surroundings: Surroundings,
) -> Manager:
    """The manager of one domain. A doubt speaks for a manager: remedies leave managed domains alone."""
    found = (
        _by_definition(definition)
        or _by_place(arguments, group, surroundings)
        or _by_name(name)
        or _by_daemon(definition, surroundings)
    )
    if found and found.name == "kubevirt" and surroundings.is_harvester:
        return Manager("harvester", f"{found.because}, on a Harvester host")
    if found:
        return found
    if definition is not None:
        return Manager("libvirt", "libvirt has it, and nothing names another manager")
    if arguments is not None and arguments.is_from_libvirt:
        return Manager(
            "libvirt", "its QEMU has a name in libvirt's manner, and nothing names another manager"
        )
    return Manager("by-hand", "a QEMU process that no manager lists")


def _by_definition(definition: DomainDefinition | None) -> Manager | None:
    if definition is None:
        return None
    for start, name in _NAMESPACES:
        for namespace in definition.namespaces:
            if namespace.startswith(start):
                return Manager(name, f"metadata of {namespace} in its definition")
    for make, name in _MAKES:
        if make in definition.makes:
            return Manager(name, f"its definition shows the make {make!r} to the guest")
    return None


def _by_place(
    arguments: QemuArguments | None, group: str | None, surroundings: Surroundings
) -> Manager | None:
    if arguments is not None and arguments.proxmox_id is not None:
        return Manager("proxmox", f"its QEMU was started with -id {arguments.proxmox_id}")
    for pattern, name in _GROUPS:
        if group and pattern.search(group):
            return Manager(name, f"its QEMU runs in the control group {group}")
    if surroundings.is_proxmox and (arguments is None or not arguments.is_from_libvirt):
        return Manager("proxmox", "this is a Proxmox VE host")
    return None


def _by_name(name: str) -> Manager | None:
    for pattern, manager in _NAMES:
        if pattern.fullmatch(name):
            return Manager(manager, "its name has the form that this manager gives")
    return None


def _by_daemon(definition: DomainDefinition | None, surroundings: Surroundings) -> Manager | None:
    """A manager that runs here may hold any domain of libvirt, though nothing in the domain says so."""
    for daemon, name in _DAEMONS if definition is not None else ():
        if daemon in surroundings.daemons:
            return Manager(name, f"{daemon} runs on this host and may keep it")
    return None
