"""A domain's XML reduced to what is known to be safe (libvirt.org/formatdomain.html).

An element or an attribute that is not listed here is dropped: pass-through QEMU arguments and environments,
SMBIOS strings and firmware configuration (which carry credentials), kernel command lines, titles,
descriptions, passwords, authentication, encryption, cookies, and all text of a manager's metadata.
"""

from __future__ import annotations

from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from kvmedic.errors import ParseError
from kvmedic.parse.libvirt_secrets import without_secrets
from kvmedic.parse.xml_tree import namespace_of, parse_tree

WITH_TEXT = frozenset(
    {
        *("name", "uuid", "genid", "memory", "currentMemory", "maxMemory", "vcpu", "iothreads", "emulator"),
        *("partition", "type", "loader", "on_poweroff", "on_reboot", "on_crash", "hard_limit", "soft_limit"),
        *("swap_hard_limit", "min_guarantee", "shares", "period", "quota", "emulator_period", "model"),
        *("emulator_quota", "bandwidth", "downtime", "target_size", "size", "node", "pagesize", "block"),
        *("requested", "current", "cbitpos", "reducedPhysBits", "policy", "vendor", "entry"),
    }
)
"""Elements whose text is kept: numbers, names from libvirt's own lists, the domain's name."""

WITHOUT_TEXT = frozenset(
    {
        *("domain", "domstatus", "domainsnapshot", "memoryBacking", "hugepages", "page", "nosharepages"),
        *("locked", "source", "access", "allocation", "discard", "memtune", "vcpus", "cputune", "vcpupin"),
        *("emulatorpin", "iothreadpin", "iothreadsched", "vcpusched", "numatune", "memnode", "resource"),
        *("os", "bootmenu", "boot", "features", "acpi", "apic", "hyperv", "kvm", "cpu", "numa", "cell"),
        *("topology", "feature", "cache", "distances", "sibling", "clock", "timer", "pm"),
        *("suspend-to-mem", "suspend-to-disk", "devices", "disk", "driver", "target", "alias", "address"),
        *("backingStore", "mirror", "readonly", "shareable", "controller", "interface", "hostdev"),
        *("memballoon", "stats", "watchdog", "rng", "panic", "vsock", "cid", "tpm", "iommu", "shmem"),
        *(
            "filesystem",
            "channel",
            "console",
            "serial",
            "parallel",
            "video",
            "graphics",
            "sound",
            "input",
            "sysinfo",
            "system",
        ),
        *("launchSecurity", "seclabel", "metadata", "blkiotune", "iotune", "taint", "job", "monitor"),
        *("devicesAliases", "qemuCaps", "flag", "blockjobs", "migrationData", "lease", "identity_map"),
        *("reporting", "memory-backend", "iothreadids", "iothread", "idmap", "virtualport", "vlan", "link"),
    }
)
"""Elements of which only the attributes below are kept."""

ATTRIBUTES = frozenset(
    {
        *("type", "id", "unit", "state", "reason", "pid", "name", "mode", "model", "period", "size", "dev"),
        *(
            "file",
            "bus",
            "domain",
            "slot",
            "function",
            "index",
            "port",
            "value",
            "placement",
            "cpuset",
            "current",
        ),
        *(
            "nodeset",
            "nodeid",
            "cpus",
            "memory",
            "memAccess",
            "vcpu",
            "cellid",
            "discard",
            "cache",
            "io",
            "iothread",
        ),
        *("queues", "autodeflate", "freePageReporting", "action", "device", "managed", "migratable", "slots"),
        *("sockets", "dies", "cores", "threads", "arch", "machine", "fallback", "match", "policy", "check"),
        *("flag", "offset", "tickpolicy", "present", "mode", "enabled", "hotpluggable", "order", "path"),
        *("detect_zeroes", "error_policy", "rerror_policy", "startupPolicy", "memReserve", "dirtyRingSize"),
        *("access", "dynamicMemslots", "kind", "operation", "phase", "protocol", "network", "bridge"),
        *("channel", "autoport", "heads", "ram", "vram", "iommu", "ats", "packed", "aw_bits"),
    }
)
_OWN_ARGUMENTS = "{http://libvirt.org/schemas/domain/qemu/1.0}commandline"
_LONGEST_ATTRIBUTE = 1024
_SUSPICIOUS = ("@", "?", "://")
"""An attribute with one of these may be an address with a user, a password or a query in it."""


def safe_domain_xml(text: str, source: str) -> str:
    """The known-safe part of a domain's definition or status XML. A ParseError where it is none.

    The same again when applied to its own result.
    """
    root = parse_tree(without_secrets(text, source), source)
    kept = _kept(root)
    if kept is None:
        raise ParseError(source, 1, root.tag, "the XML of a domain")
    ElementTree.indent(kept)
    return ElementTree.tostring(kept, encoding="unicode") + "\n"


def _kept(element: Element) -> Element | None:
    name = element.tag
    if name == _OWN_ARGUMENTS:
        return Element(name)
    if name not in WITH_TEXT and name not in WITHOUT_TEXT:
        return None
    copy = Element(name, {key: value for key, value in element.attrib.items() if _is_safe(key, value)})
    if name == "metadata":
        copy.extend(Element(owner.tag) for owner in element if namespace_of(owner.tag))
        return copy
    copy.text = element.text if name in WITH_TEXT and not len(element) else None
    copy.extend(kept for child in element if (kept := _kept(child)) is not None)
    return copy


def _is_safe(key: str, value: str) -> bool:
    is_short = len(value) <= _LONGEST_ATTRIBUTE
    return key in ATTRIBUTES and is_short and not any(mark in value for mark in _SUSPICIOUS)
