"""What a definition says of memory and ownership."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from libvirt_samples import UUID, domain

from kvmedic.errors import ParseError
from kvmedic.parse.domain_xml import MemoryDevice, parse_domain_xml, parse_size


def test_a_plain_domain_is_read() -> None:
    found = parse_domain_xml(domain(), "x")
    assert (found.name, found.uuid, found.is_live, found.vcpus) == ("web", UUID, True, 4)
    assert (found.memory_bytes, found.current_memory_bytes) == (2 << 30, 1 << 30)
    assert (found.balloon_model, found.free_page_reporting, found.deflate_on_oom) == ("virtio", True, False)
    assert (found.hugepage_size_bytes, found.is_locked, found.host_nodes, found.vfio) == (
        None,
        False,
        None,
        (),
    )


def test_the_definition_of_a_domain_that_is_off_is_not_live() -> None:
    assert not parse_domain_xml(domain(attributes="type='kvm'"), "x").is_live


def test_without_currentmemory_the_guest_has_all() -> None:
    text = "<domain><name>a</name><memory unit='GiB'>2</memory></domain>"
    found = parse_domain_xml(text, "x")
    assert (found.current_memory_bytes, found.balloon_model, found.uuid) == (2 << 30, None, None)


def test_backing_and_binding_are_read() -> None:
    inner = """<maxMemory slots='4' unit='GiB'>8</maxMemory>
      <memoryBacking><hugepages><page size='1' unit='GiB'/></hugepages><locked/>
        <source type='memfd'/><access mode='shared'/></memoryBacking>
      <numatune><memory mode='strict' nodeset='0-1'/></numatune>
      <memtune><hard_limit unit='GiB'>5</hard_limit></memtune>
      <resource><partition>/machine</partition></resource>"""
    found = parse_domain_xml(domain(inner), "x")
    assert (found.hugepage_size_bytes, found.is_locked, found.source_type) == (1 << 30, True, "memfd")
    assert (found.is_shared, found.host_nodes, found.hard_limit_bytes) == (True, "0-1", 5 << 30)
    assert (found.partition, found.hotplug_maximum_bytes) == ("/machine", 8 << 30)


def test_memory_that_is_only_preferred_on_a_node_is_not_bound() -> None:
    inner = "<numatune><memory mode='preferred' nodeset='1'/></numatune>"
    assert parse_domain_xml(domain(inner), "x").host_nodes is None


def test_cells_bound_one_by_one_bind_the_domain() -> None:
    inner = """<numatune><memnode cellid='0' mode='strict' nodeset='0'/>
      <memnode cellid='1' mode='strict' nodeset='1'/></numatune>"""
    assert parse_domain_xml(domain(inner), "x").host_nodes == "0,1"


def test_hugepages_without_a_size_are_of_the_hosts_default_size() -> None:
    inner = "<memoryBacking><hugepages/></memoryBacking>"
    assert parse_domain_xml(domain(inner), "x").hugepage_size_bytes == 0


@pytest.mark.parametrize(
    ("rows", "plugged"),
    [
        ("<requested unit='MiB'>1024</requested><current unit='MiB'>768</current>", 768),
        ("<requested unit='MiB'>1024</requested>", 1024),
        ("<requested unit='KiB'>0</requested>", 0),
        ("", 6144),
    ],
)
def test_a_virtio_mem_is_as_large_as_what_the_guest_took_of_it(rows: str, plugged: int) -> None:
    device = f"<memory model='virtio-mem'><target><size unit='MiB'>6144</size>{rows}</target></memory>"
    (found,) = parse_domain_xml(domain("", devices=device), "x").memory_devices
    assert (found.size_bytes, found.plugged_bytes) == (6144 << 20, plugged << 20)


def test_devices_that_pin_memory_are_seen() -> None:
    devices = """<hostdev mode='subsystem' type='pci'/><hostdev mode='subsystem' type='usb'/>
      <hostdev mode='subsystem' type='mdev' model='vfio-pci'/><interface type='hostdev'/>
      <interface type='vdpa'/>
      <disk type='nvme'/><memory model='dimm'><target><size unit='MiB'>512</size></target></memory>"""
    found = parse_domain_xml(domain("<launchSecurity type='sev-snp'/>", devices=devices), "x")
    assert found.vfio == ("pci", "mdev", "pci", "nvme")
    assert (found.has_vdpa, found.launch_security) == (True, "sev-snp")
    assert found.memory_devices == (
        MemoryDevice(model="dimm", size_bytes=512 << 20, plugged_bytes=512 << 20),
    )


@pytest.mark.parametrize(
    ("number", "unit", "expected"),
    [
        ("1", "b", 1),
        ("1", "KiB", 1024),
        ("2", "k", 2048),
        ("1", "KB", 1000),
        ("3", "GiB", 3 << 30),
        ("1", "TB", 10**12),
    ],
)
def test_sizes_scale_as_libvirt_scales_them(number: str, unit: str, expected: int) -> None:
    assert parse_size(number, unit, "x") == expected


@given(st.text(), st.text())
def test_a_size_is_a_number_or_an_error(number: str, unit: str) -> None:
    with suppress(ParseError):
        assert parse_size(number, unit, "x") >= 0


@pytest.mark.parametrize(
    "text",
    [
        "<network><name>a</name></network>",
        "<domain><memory>1</memory></domain>",
        "<domain><name>a</name></domain>",
        "<domain><name>a</name><memory>much</memory></domain>",
        "<domain><name>a</name><memory>-1</memory></domain>",
        "<domain><name>a</name><memory unit='acres'>1</memory></domain>",
        "<domain><name>a</name><memory>1</memory><vcpu>many</vcpu></domain>",
    ],
)
def test_what_is_no_domain_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        parse_domain_xml(text, "x")
