"""What may be kept of evidence: secrets go, facts stay, and a second pass changes nothing."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kvmedic.model.gap import Missing
from kvmedic.parse.domain_xml import parse_domain_xml
from kvmedic.parse.known_safe import is_reduced, keep_safe
from kvmedic.parse.safe_domain_xml import safe_domain_xml

DOMAIN = """<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>web</name><uuid>6a1bb7a4-92c4-4b3a-9a0c-3f5b0a4c7d11</uuid><memory unit='GiB'>4</memory>
  <currentMemory unit='GiB'>2</currentMemory><vcpu placement='static' current='2'>4</vcpu>
  <memoryBacking><hugepages><page size='2048' unit='KiB'/></hugepages><locked/></memoryBacking>
  <numatune><memory mode='strict' nodeset='0'/></numatune><resource><partition>/machine</partition></resource>
  <sysinfo type='smbios'><system><entry name='manufacturer'>OpenStack Foundation</entry>
  <entry name='serial'>PLANTED</entry></system></sysinfo>
  <metadata>
  <n:instance xmlns:n='http://openstack.org/xmlns/libvirt/nova/1.1'>
  <n:owner>PLANTED</n:owner></n:instance></metadata>
  <devices><hostdev mode='subsystem' type='pci' managed='yes'/>
  <memballoon model='virtio' autodeflate='on' freePageReporting='on'><stats period='5'/></memballoon>
  <graphics type='spice' passwd='PLANTED'/>
  <serial type='tcp'><source host='x' tls='PLANTED'/></serial></devices>
  <qemu:commandline><qemu:arg value='PLANTED'/></qemu:commandline>
</domain>"""
PATHS = (
    *("etc/libvirt/qemu/a.xml", "proc/cmdline", "proc/self/mounts", "proc/cpuinfo", "boot/config-6.1"),
    *(
        "etc/pve/qemu-server/1.conf",
        "kvmedic/process/1/arguments",
        "etc/libvirt/qemu/autostart/a.xml",
        "proc/vmstat",
    ),
)


def test_every_fact_of_a_definition_survives() -> None:
    safe = safe_domain_xml(DOMAIN, "x")
    assert parse_domain_xml(safe, "x") == parse_domain_xml(DOMAIN.replace("PLANTED", ""), "x")
    assert "PLANTED" not in safe


@pytest.mark.parametrize(
    "text", ["<!DOCTYPE x [<!ENTITY a 'b'>]><domain/>", "<volume/>", "no xml", "<domain>"]
)
def test_what_is_no_definition_is_a_gap_and_never_kept(text: str) -> None:
    assert isinstance(keep_safe("etc/libvirt/qemu/a.xml", text.encode()), Missing)


def test_what_virsh_says_instead_of_a_definition_is_kept() -> None:
    error = b"error: failed to connect to the hypervisor\n"
    assert keep_safe("sos_commands/virsh/virsh_-r_dumpxml_a", error) == error


@given(st.sampled_from(PATHS), st.binary(max_size=500))
@example("proc/cpuinfo", b"\n")
def test_reducing_twice_is_reducing_once(path: str, data: bytes) -> None:
    once = keep_safe(path, data)
    if isinstance(once, bytes):
        assert keep_safe(path, once) == once


@given(
    st.dictionaries(
        st.sampled_from(["passwd", "host", "name", "token", "file"]), st.text("ab@?:/", max_size=9)
    )
)
def test_reducing_a_definition_twice_is_reducing_it_once(attributes: dict[str, str]) -> None:
    written = " ".join(f"{key}='{value}'" for key, value in attributes.items())
    once = safe_domain_xml(
        f"<domain type='kvm'><name>a</name><devices><source {written}/></devices></domain>", "x"
    )
    assert safe_domain_xml(once, "x") == once
    assert "@" not in once


def test_arguments_are_reduced_again_whoever_wrote_them() -> None:
    words = ["qemu-system-x86_64", "-vnc", "PLANTED", "-m", "512"]
    kept = keep_safe("kvmedic/process/1/arguments", json.dumps(words).encode())
    assert kept == b'["qemu-system-x86_64", "-m", "size=512"]'


def test_options_of_the_kernel_keep_switches_and_numbers_only() -> None:
    text = b'CONFIG_HZ=250\n# CONFIG_KSM is not set\nCONFIG_CMDLINE="secret"\nCONFIG_X=m\n#\n# a comment\n'
    assert keep_safe("boot/config-1", text) == b"CONFIG_HZ=250\n# CONFIG_KSM is not set\nCONFIG_X=m\n"


def test_counters_are_kept_as_they_are() -> None:
    assert keep_safe("proc/vmstat", b"pgfault 1\n") == b"pgfault 1\n"
    assert not is_reduced("proc/vmstat")
    assert is_reduced("run/libvirt/qemu/*.xml")
