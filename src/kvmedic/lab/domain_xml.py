"""The libvirt definition of a guest of the lab, in its variants."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from xml.sax.saxutils import quoteattr

from kvmedic.lab.guest_image import GuestImage
from kvmedic.model.record import Record


class Backing(StrEnum):
    """What the guest's memory is made of."""

    ANONYMOUS = "anonymous"
    HUGETLB = "hugetlb"
    MEMFD = "memfd"
    LOCKED = "locked"


class GuestWish(Record, frozen=True, kw_only=True):
    """What kind of guest is wanted."""

    memory_mib: int
    backing: Backing = Backing.ANONYMOUS
    has_balloon: bool = True
    has_driver: bool = True
    reports_free_pages: bool = False
    orders: tuple[str, ...] = ()
    """Requests to the agent at boot (``punch 700``); each ends with a READY line on the console."""
    disk_mib: int = 0
    """A disk of zeroes, written to the host's page cache when the guest reads it (verb ``cache``)."""
    numa_nodes: str = ""
    """Host NUMA nodes that the memory is bound to (strict), in libvirt's notation; empty: anywhere."""
    vcpus: int = 1


class GuestPlaces(Record, frozen=True, kw_only=True):
    """The files of one guest, as its host sees them."""

    console: Path
    agent: Path
    disk: Path
    definition: Path


def domain_xml(
    wish: GuestWish,
    *,
    name: str,
    image: GuestImage,
    places: GuestPlaces,
    domain_type: str,
    partition: str | None,
) -> str:
    """The XML of a guest whose files are at ``places``."""
    return f"""<domain type={quoteattr(domain_type)}>
  <name>{name}</name>
  <memory unit='MiB'>{wish.memory_mib}</memory>
  <vcpu>{wish.vcpus}</vcpu>
  {_partition(partition)}{_memory_backing(wish)}{_numa(wish)}
  <os>
    <type arch='x86_64' machine='q35'>hvm</type>
    <kernel>{image.kernel_file}</kernel>
    <initrd>{image.initramfs_file}</initrd>
    <cmdline>{_command_line(wish)}</cmdline>
  </os>
  <features><acpi/></features>
  <cpu mode='custom'><model>qemu64</model></cpu>
  <on_crash>destroy</on_crash>
  <devices>
    <controller type='usb' model='none'/>
    {_balloon(wish)}
    {_disk(wish, places)}
    {_serial_console(places)}
    {_serial_agent(places)}
  </devices>
</domain>
"""


def _partition(partition: str | None) -> str:
    return f"<resource><partition>{partition}</partition></resource>\n  " if partition else ""


def _memory_backing(wish: GuestWish) -> str:
    match wish.backing:
        case Backing.HUGETLB:
            return "<memoryBacking><hugepages/></memoryBacking>"
        case Backing.MEMFD:
            return "<memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>"
        case Backing.LOCKED:
            return (
                "<memoryBacking><locked/></memoryBacking>"
                f"<memtune><hard_limit unit='MiB'>{wish.memory_mib + 1024}</hard_limit></memtune>"
            )
        case Backing.ANONYMOUS:
            return ""


def _numa(wish: GuestWish) -> str:
    if not wish.numa_nodes:
        return ""
    return f"<numatune><memory mode='strict' nodeset={quoteattr(wish.numa_nodes)}/></numatune>"


def _command_line(wish: GuestWish) -> str:
    words = ["console=ttyS0", "panic=-1", "loglevel=4"]
    if not wish.has_driver:
        words.append("KVMEDIC_DRIVER=none")
    if wish.orders:
        words.append("KVMEDIC_RUN=" + ",".join(order.replace(" ", ":") for order in wish.orders))
    return " ".join(words)


def _balloon(wish: GuestWish) -> str:
    if not wish.has_balloon:
        return "<memballoon model='none'/>"
    reporting = " freePageReporting='on'" if wish.reports_free_pages else ""
    return f"<memballoon model='virtio'{reporting}><stats period='2'/></memballoon>"


def _disk(wish: GuestWish, places: GuestPlaces) -> str:
    if not wish.disk_mib:
        return ""
    return (
        "<disk type='file' device='disk'><driver name='qemu' type='raw' cache='writeback'/>"
        f"<source file='{places.disk}'/><target dev='vda' bus='virtio'/></disk>"
    )


def _serial_console(places: GuestPlaces) -> str:
    return f"<serial type='file'><source path='{places.console}' append='on'/><target port='0'/></serial>"


def _serial_agent(places: GuestPlaces) -> str:
    return f"<serial type='unix'><source mode='bind' path='{places.agent}'/><target port='1'/></serial>"
