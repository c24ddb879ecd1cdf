"""Who keeps the records of a domain: every manager is recognised, and a doubt speaks for a manager."""

from __future__ import annotations

import pytest

from kvmedic.derive.managed_by import Surroundings, derive_manager
from kvmedic.model.domain import ManagedBy
from kvmedic.parse.domain_xml import DomainDefinition, parse_domain_xml
from kvmedic.parse.qemu_arguments import read_arguments

PLAIN = Surroundings(daemons={"libvirtd"}, is_proxmox=False, is_harvester=False)


def definition(inner: str = "") -> DomainDefinition:
    """A definition with something inside."""
    return parse_domain_xml(f"<domain><name>a</name><memory>1048576</memory>{inner}</domain>", "x")


@pytest.mark.parametrize(
    ("namespace", "manager"),
    [
        ("http://openstack.org/xmlns/libvirt/nova/1.1", "nova"),
        ("http://ovirt.org/vm/1.0", "ovirt"),
        ("http://kubevirt.io", "kubevirt"),
        ("http://opennebula.org/xmlns/libvirt/1.0", "opennebula"),
    ],
)
def test_metadata_names_the_manager(namespace: str, manager: ManagedBy) -> None:
    owned = definition(f"<metadata><m:x xmlns:m='{namespace}'/></metadata>")
    found = derive_manager("a", owned, None, None, PLAIN)
    assert found.name == manager
    assert namespace in found.because


def test_metadata_of_an_installer_names_no_manager() -> None:
    owned = definition("<metadata><l:x xmlns:l='http://libosinfo.org/xmlns/libvirt/domain/1.0'/></metadata>")
    assert derive_manager("a", owned, None, None, PLAIN).name == "libvirt"


@pytest.mark.parametrize(
    ("make", "manager"),
    [("OpenStack Foundation", "nova"), ("Apache Software Foundation", "cloudstack"), ("oVirt", "ovirt")],
)
def test_the_make_shown_to_the_guest_names_the_manager(make: str, manager: ManagedBy) -> None:
    inner = f"<sysinfo type='smbios'><system><entry name='manufacturer'>{make}</entry></system></sysinfo>"
    assert derive_manager("a", definition(inner), None, None, PLAIN).name == manager


@pytest.mark.parametrize(
    ("name", "manager"),
    [
        ("i-2-14-VM", "cloudstack"),
        ("v-7-VM", "cloudstack"),
        ("instance-0000002a", "nova"),
        ("one-17", "opennebula"),
    ],
)
def test_a_name_in_a_managers_form_is_taken_for_it(name: str, manager: ManagedBy) -> None:
    assert derive_manager(name, definition(), None, None, PLAIN).name == manager


def test_proxmox_is_known_by_its_argument_and_by_its_group() -> None:
    by_argument = read_arguments(["kvm", "-id", "101", "-name", "web"])
    assert derive_manager("web", None, by_argument, None, PLAIN).name == "proxmox"
    by_hand = read_arguments(["qemu-system-x86_64", "-name", "web"])
    assert derive_manager("web", None, by_hand, "qemu.slice/101.scope", PLAIN).name == "proxmox"


def test_a_pod_is_kubevirts_or_harvesters() -> None:
    group = "kubepods.slice/kubepods-burstable.slice/pod1/x.scope"
    assert derive_manager("a", definition(), None, group, PLAIN).name == "kubevirt"
    assert (
        derive_manager("a", definition(), None, group, PLAIN._replace(is_harvester=True)).name == "harvester"
    )


@pytest.mark.parametrize(
    ("daemon", "manager"),
    [
        ("pacemakerd", "pacemaker"),
        ("cloudstack-agent", "cloudstack"),
        ("nova-compute", "nova"),
        ("vdsmd", "ovirt"),
    ],
)
def test_where_a_manager_runs_a_domain_may_be_its_own(daemon: str, manager: ManagedBy) -> None:
    around = PLAIN._replace(daemons={"libvirtd", daemon})
    assert derive_manager("a", definition(), None, None, around).name == manager


def test_a_process_that_nobody_lists_is_by_hand() -> None:
    by_hand = read_arguments(["qemu-system-x86_64", "-m", "512"])
    assert derive_manager("a", None, by_hand, "user.slice", PLAIN).name == "by-hand"
