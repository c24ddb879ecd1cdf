"""The definitions of guests, read back as libvirt would read them."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from kvmedic.lab.domain_xml import Backing, GuestPlaces, GuestWish, domain_xml
from kvmedic.lab.guest_image import GuestImage
from kvmedic.lab.kernel import Kernel


def definition(wish: GuestWish, partition: str | None = None) -> ET.Element:
    image = GuestImage(
        kernel=Kernel(release="1", image=Path("/k"), modules=Path("/m")),
        kernel_file=Path("/k"),
        initramfs_file=Path("/i"),
    )
    places = GuestPlaces(console=Path("/f/c"), agent=Path("/f/a"), disk=Path("/f/d"), definition=Path("/f/x"))
    text = domain_xml(wish, name="n", image=image, places=places, domain_type="qemu", partition=partition)
    return ET.fromstring(text)  # noqa: S314  (our own text)


@pytest.mark.parametrize(
    ("backing", "path"),
    [
        (Backing.HUGETLB, "memoryBacking/hugepages"),
        (Backing.MEMFD, "memoryBacking/source[@type='memfd']"),
        (Backing.LOCKED, "memoryBacking/locked"),
    ],
)
def test_each_backing_is_asked_for(backing: Backing, path: str) -> None:
    assert definition(GuestWish(memory_mib=64, backing=backing)).find(path) is not None
    assert definition(GuestWish(memory_mib=64)).find(path) is None


def test_the_orders_for_the_agent_travel_on_the_kernel_command_line() -> None:
    wish = GuestWish(memory_mib=64, has_driver=False, orders=("punch 30", "count"))

    words = (definition(wish).findtext("os/cmdline") or "").split()

    assert "KVMEDIC_RUN=punch:30,count" in words
    assert "KVMEDIC_DRIVER=none" in words


def test_a_guest_has_the_balloon_disk_nodes_and_group_it_was_given() -> None:
    wish = GuestWish(memory_mib=64, has_balloon=False, disk_mib=8, numa_nodes="1", reports_free_pages=True)

    root = definition(wish, partition="/p")

    assert [balloon.get("model") for balloon in root.iter("memballoon")] == ["none"]
    assert [source.get("file") for source in root.findall("devices/disk/source")] == ["/f/d"]
    assert [memory.get("nodeset") for memory in root.findall("numatune/memory")] == ["1"]
    assert root.findtext("resource/partition") == "/p"


def test_free_page_reporting_is_an_attribute_of_the_balloon() -> None:
    root = definition(GuestWish(memory_mib=64, reports_free_pages=True))

    assert [balloon.get("freePageReporting") for balloon in root.iter("memballoon")] == ["on"]
