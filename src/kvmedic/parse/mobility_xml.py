"""A running domain's definition, read for what bears on its move (docs/formatdomain.rst, migration
checks)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element, tostring

from kvmedic.errors import ParseError
from kvmedic.model.migration import DiskUse
from kvmedic.model.record import Record
from kvmedic.parse.domain_xml import DomainDefinition, parse_domain_xml
from kvmedic.parse.xml_tree import parse_tree

HOLDING_DEVICES = (
    ("shmem", "shared memory between guests (ivshmem)"),
    ("memory[@model='nvdimm']", "an NVDIMM"),
    ("tpm/backend[@type='passthrough']", "a TPM of the host"),
    ("vsock/cid[@auto='no']", "a vsock with a fixed address"),
    ("smartcard[@mode='host']", "a smartcard of the host"),
)
FILES = ("os/kernel", "os/initrd", "os/dtb", "os/loader")


class MobilityParts(Record, frozen=True, kw_only=True):
    """What a definition says of a domain's move. File systems of its disks are asked of the host."""

    definition: DomainDefinition
    arch: str
    machine: str
    cpu_xml: str
    disks: tuple[DiskUse, ...]
    holds: tuple[str, ...]
    files: tuple[str, ...]
    networks: tuple[str, ...]
    hard_limit_bytes: int | None
    is_shared_memory: bool


def parse_mobility(text: str, source: str) -> MobilityParts:
    """The parts of a live definition. ParseError where it is not one."""
    root = parse_tree(text, source)
    definition = parse_domain_xml(text, source)
    kind, cpu = root.find("./os/type"), root.find("./cpu")
    if kind is None:
        raise ParseError(source, 1, "", "an element os/type")
    return MobilityParts(
        definition=definition,
        arch=kind.get("arch", ""),
        machine=kind.get("machine", ""),
        cpu_xml="" if cpu is None else tostring(cpu, encoding="unicode").strip(),
        disks=tuple(_disks(root)),
        holds=tuple(_holds(root)),
        files=tuple(_files(root)),
        networks=tuple(_networks(root)),
        hard_limit_bytes=_kib(root.find("./memtune/hard_limit")),
        is_shared_memory=definition.is_shared,
    )


def _disks(root: Element) -> Iterator[DiskUse]:
    for disk in root.iterfind("./devices/disk"):
        source, driver, target = disk.find("source"), disk.find("driver"), disk.find("target")
        yield DiskUse(
            target="?" if target is None else target.get("dev", "?"),
            kind=disk.get("type", "file"),
            source=_where(source),
            cache=None if driver is None else driver.get("cache"),
            is_read_only=disk.find("readonly") is not None,
            is_shareable=disk.find("shareable") is not None,
            filesystem=None,
        )


def _where(source: Element | None) -> str | None:
    if source is None:
        return None
    names: list[Any] = [source.get(key) for key in ("file", "dev", "name", "volume", "dir")]
    return next((name for name in names if name), None)


def _holds(root: Element) -> Iterator[str]:
    for hostdev in root.iterfind("./devices/hostdev"):
        yield f"a {hostdev.get('type', 'host')} device of the host"
    for interface in root.iterfind("./devices/interface"):
        if interface.get("type") in ("hostdev", "vdpa") and interface.find("teaming") is None:
            yield f"a network card of the host ({interface.get('type')})"
    for filesystem in root.iterfind("./devices/filesystem"):
        driver = filesystem.find("driver")
        name = "9p" if driver is None else driver.get("type", "9p")
        yield f"a folder of the host ({'virtiofs' if name == 'virtiofs' else '9p'})"
    for path, phrase in HOLDING_DEVICES:
        if root.find(f"./devices/{path}") is not None:
            yield phrase
    for feature in root.iterfind("./cpu/feature[@name='invtsc']"):
        if feature.get("policy") == "require" and root.find("./clock/timer[@name='tsc'][@frequency]") is None:
            yield "an invariant TSC without a fixed frequency"
    if root.find("./launchSecurity") is not None:
        yield "encrypted memory (launchSecurity)"


def _files(root: Element) -> Iterator[str]:
    for path in FILES:
        element = root.find(f"./{path}")
        if element is not None and element.text and element.text.strip().startswith("/"):
            yield element.text.strip()


def _networks(root: Element) -> Iterator[str]:
    for interface in root.iterfind("./devices/interface"):
        source = interface.find("source")
        if source is not None:
            name = source.get("bridge") or source.get("network") or source.get("dev")
            if name:
                yield f"{interface.get('type')} {name}"


def _kib(element: Element | None) -> int | None:
    if element is None or not (element.text or "").strip().isdigit():
        return None
    kib = int((element.text or "0").strip())
    return None if kib >= 9007199254740991 else kib * 1024
