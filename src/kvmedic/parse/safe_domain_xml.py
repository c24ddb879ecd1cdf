"""A domain's XML reduced to what is known to be safe (libvirt.org/formatdomain.html).

An element or an attribute that is not listed here is dropped: pass-through QEMU arguments and environments,
SMBIOS strings and firmware configuration (which carry credentials), kernel command lines, titles,
descriptions, passwords, authentication, encryption, cookies, and all text of a manager's metadata.
"""

from __future__ import annotations

from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from kvmedic.errors import ParseError
from kvmedic.parse.libvirt_secrets import empty_secrets
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
_KEPT = WITH_TEXT | WITHOUT_TEXT | {_OWN_ARGUMENTS}
_LONGEST_ATTRIBUTE = 1024
_SUSPICIOUS = ("@", "?", "://")
"""An attribute with one of these may be an address with a user, a password or a query in it."""


def safe_domain_xml(text: str, source: str) -> str:
    """The known-safe part of a domain's definition or status XML. A ParseError where it is none.

    The same again when applied to its own result.
    """
    root = parse_tree(text, source)
    if root.tag not in _KEPT:
        raise ParseError(source, 1, root.tag, "the XML of a domain")
    empty_secrets(root)
    _prune(root)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _prune(element: Element) -> None:
    """Leave of an element, in place, what the lists name."""
    for key in [key for key, value in element.attrib.items() if not _is_safe(key, value)]:
        del element.attrib[key]
    if element.text and not element.text.isspace() and (element.tag not in WITH_TEXT or len(element)):
        element.text = None
    for child in list(element):
        if child.tag in _KEPT:
            _prune(child)
        elif not (element.tag == "metadata" and namespace_of(child.tag)):
            element.remove(child)
        else:
            _keep_name_only(child)
        if child.tail and not child.tail.isspace():
            child.tail = None


def _keep_name_only(manager: Element) -> None:
    """Its namespace tells who manages the domain; nothing else of it is ours to keep."""
    tail = manager.tail
    manager.clear()
    manager.tail = tail


def _is_safe(key: str, value: str) -> bool:
    is_short = len(value) <= _LONGEST_ATTRIBUTE
    return key in ATTRIBUTES and is_short and not any(mark in value for mark in _SUSPICIOUS)
