"""A domain's definition as libvirt prints it (docs/formatdomain.rst): what bears on memory and ownership."""

from __future__ import annotations

from typing import Literal
from xml.etree.ElementTree import Element

from kvmedic.errors import ParseError
from kvmedic.model.record import Record
from kvmedic.parse.libvirt_secrets import without_secrets
from kvmedic.parse.xml_tree import local_name, namespace_of, parse_tree

__all__ = ["DomainDefinition", "MemoryDevice", "definition_of", "parse_domain_xml", "without_secrets"]

SourceType = Literal["anonymous", "memfd", "file"]
_SCALES: dict[str, int] = {"b": 1, "bytes": 1} | {
    spelling: base**power
    for power, letter in enumerate("KMGTPE", start=1)
    for spelling, base in (
        (letter.lower(), 1024),
        (f"{letter.lower()}ib", 1024),
        (f"{letter.lower()}b", 1000),
    )
}


class MemoryDevice(Record, frozen=True, kw_only=True):
    """A <memory> device: "dimm", "nvdimm", "virtio-mem", … and its size.

    ``plugged_bytes`` is how much of it the guest has: of a virtio-mem what it took (<current>), or before its
    start what it will be asked to take (<requested>); of the others all.
    """

    model: str
    size_bytes: int
    plugged_bytes: int


class DomainDefinition(Record, frozen=True, kw_only=True):
    """The parts of a definition that kvmedic reasons about; None where the definition does not say.

    ``memory_bytes`` is the ceiling of the balloon, ``current_memory_bytes`` what a start inflates to,
    ``hotplug_maximum_bytes`` <maxMemory>. ``is_live``: it describes a running domain (it has an id).
    ``vfio`` are the devices that QEMU drives through VFIO ("pci", "mdev", "nvme").
    ``hugepage_size_bytes`` is 0 for the host's default size.
    """

    name: str
    uuid: str | None
    is_live: bool
    domain_type: str
    memory_bytes: int
    current_memory_bytes: int
    hotplug_maximum_bytes: int | None
    vcpus: int
    balloon_model: str | None
    free_page_reporting: bool
    deflate_on_oom: bool
    stats_period_s: int | None
    hugepage_size_bytes: int | None
    is_locked: bool
    source_type: SourceType | None
    is_shared: bool
    host_nodes: str | None
    vfio: tuple[str, ...]
    has_vdpa: bool
    launch_security: str | None
    memory_devices: tuple[MemoryDevice, ...]
    partition: str | None
    hard_limit_bytes: int | None
    namespaces: tuple[str, ...]
    makes: tuple[str, ...]
    has_own_arguments: bool


def parse_domain_xml(text: str, source: str) -> DomainDefinition:
    """The definition in ``text``. ParseError where it is no <domain>, or lacks its name or memory."""
    return definition_of(parse_tree(text, source), source)


def definition_of(domain: Element, source: str) -> DomainDefinition:
    """The definition in a <domain> element."""
    if domain.tag != "domain":
        raise ParseError(source, 1, domain.tag, "a <domain>")
    memory = _size(domain.find("memory"), source)
    balloon = domain.find("devices/memballoon")
    if memory is None:
        raise ParseError(source, 1, domain.tag, "a <memory> in the <domain>")
    return DomainDefinition(
        name=_needed_text(domain, "name", source),
        uuid=(_text(domain, "uuid") or "").lower() or None,
        is_live=domain.get("id") is not None,
        domain_type=domain.get("type", ""),
        memory_bytes=memory,
        current_memory_bytes=_or_else(_size(domain.find("currentMemory"), source), memory),
        hotplug_maximum_bytes=_size(domain.find("maxMemory"), source),
        vcpus=_vcpus(domain, source),
        balloon_model=None if balloon is None else balloon.get("model"),
        free_page_reporting=_is_on(balloon, "freePageReporting"),
        deflate_on_oom=_is_on(balloon, "autodeflate"),
        stats_period_s=_stats_period(balloon, source),
        hugepage_size_bytes=_hugepage_size(domain, source),
        is_locked=domain.find("memoryBacking/locked") is not None,
        source_type=_source_type(domain),
        is_shared=_attribute(domain, "memoryBacking/access", "mode") == "shared",
        host_nodes=_host_nodes(domain),
        vfio=_vfio_devices(domain),
        has_vdpa=any(device.get("type") == "vdpa" for device in domain.iterfind("devices/interface")),
        launch_security=_attribute(domain, "launchSecurity", "type"),
        memory_devices=tuple(_memory_devices(domain, source)),
        partition=_text(domain, "resource/partition"),
        hard_limit_bytes=_size(domain.find("memtune/hard_limit"), source),
        namespaces=_namespaces(domain),
        makes=tuple(entry.text.strip() for entry in domain.iterfind("sysinfo/system/entry") if entry.text),
        has_own_arguments=any(local_name(child.tag) == "commandline" for child in domain),
    )


def parse_size(number: str, unit: str, source: str) -> int:
    """A size as libvirt scales it (virScaleInteger): "KiB" and "k" are 1024, "KB" is 1000."""
    digits, scale = number.strip(), _SCALES.get(unit.lower())
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 20) or scale is None:
        raise ParseError(source, 1, f"{number} {unit}", "a size and its unit")
    return int(digits) * scale


def _size(element: Element | None, source: str) -> int | None:
    if element is None:
        return None
    return parse_size(element.text or "", element.get("unit", "KiB"), source)


def _or_else(size: int | None, other: int) -> int:
    return other if size is None else size


def _whole(text: str, source: str, expected: str) -> int:
    digits = text.strip()
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 20):
        raise ParseError(source, 1, text, expected)
    return int(digits)


def _text(domain: Element, path: str) -> str | None:
    return (domain.findtext(path) or "").strip() or None


def _needed_text(domain: Element, path: str, source: str) -> str:
    text = _text(domain, path)
    if text is None:
        raise ParseError(source, 1, domain.tag, f"a <{path}> in the <domain>")
    return text


def _attribute(domain: Element, path: str, name: str) -> str | None:
    element = domain.find(path)
    return None if element is None else element.get(name)


def _vcpus(domain: Element, source: str) -> int:
    """vCPUs that are plugged: attribute "current", else all."""
    vcpu = domain.find("vcpu")
    if vcpu is None:
        return 1
    return _whole(vcpu.get("current") or vcpu.text or "", source, "a number of vCPUs")


def _is_on(element: Element | None, name: str) -> bool:
    return element is not None and element.get(name) == "on"


def _stats_period(balloon: Element | None, source: str) -> int | None:
    period = None if balloon is None else balloon.find("stats")
    return None if period is None else _whole(period.get("period", ""), source, "a period in seconds")


def _hugepage_size(domain: Element, source: str) -> int | None:
    hugepages = domain.find("memoryBacking/hugepages")
    if hugepages is None:
        return None
    page = hugepages.find("page")
    return 0 if page is None else parse_size(page.get("size", ""), page.get("unit", "KiB"), source)


def _source_type(domain: Element) -> SourceType | None:
    found = _attribute(domain, "memoryBacking/source", "type")
    return next((kind for kind in ("anonymous", "memfd", "file") if kind == found), None)


def _host_nodes(domain: Element) -> str | None:
    """Nodes the memory is bound to; only "strict" (and "restrictive", by cpuset) forbids the others."""
    bound = ("strict", "restrictive")
    memory = domain.find("numatune/memory")
    if memory is not None and memory.get("mode", "strict") in bound and memory.get("nodeset"):
        return memory.get("nodeset")
    cells = domain.iterfind("numatune/memnode")
    listed = [cell.get("nodeset", "") for cell in cells if cell.get("mode", "strict") in bound]
    return ",".join(dict.fromkeys(filter(None, listed))) or None


def _vfio_devices(domain: Element) -> tuple[str, ...]:
    """PCI and mediated host devices, network cards handed through, and disks of type nvme."""
    hostdevs = [device.get("type", "") for device in domain.iterfind("devices/hostdev")]
    cards = ["pci" for device in domain.iterfind("devices/interface") if device.get("type") == "hostdev"]
    disks = ["nvme" for disk in domain.iterfind("devices/disk") if disk.get("type") == "nvme"]
    return (*(kind for kind in hostdevs if kind in {"pci", "mdev"}), *cards, *disks)


def _memory_devices(domain: Element, source: str) -> list[MemoryDevice]:
    return [_memory_device(device, source) for device in domain.iterfind("devices/memory")]


def _memory_device(device: Element, source: str) -> MemoryDevice:
    size = _or_else(_size(device.find("target/size"), source), 0)
    requested = _or_else(_size(device.find("target/requested"), source), size)
    plugged = _or_else(_size(device.find("target/current"), source), requested)
    return MemoryDevice(model=device.get("model", "?"), size_bytes=size, plugged_bytes=plugged)


def _namespaces(domain: Element) -> tuple[str, ...]:
    metadata = domain.find("metadata")
    return () if metadata is None else tuple(namespace_of(owner.tag) for owner in metadata)
