"""What may be kept of a file of evidence: secrets are cut out before anything is stored or shown."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from fnmatch import fnmatchcase

from kvmedic.errors import ParseError
from kvmedic.model.gap import Missing, Reason
from kvmedic.parse.pve_conf import safe_pve_conf
from kvmedic.parse.qemu_command_line import safe_arguments
from kvmedic.parse.safe_domain_xml import safe_domain_xml

_SECRET_WORD = re.compile(rb"pass|secret|token|cred|key|user|auth|cookie|login|pin=", re.IGNORECASE)
_MOUNTS = (b"cgroup", b"cgroup2", b"hugetlbfs", b"tmpfs", b"zfs", b"debugfs", b"proc", b"sysfs", b"fuse")
_CONFIGURATION = re.compile(
    rb"^(?:# )?CONFIG_\w+(?:=(?:[ymn]|-?\d+|0x[0-9a-fA-F]+)| is not set)$", re.MULTILINE
)
_XML_FILES = ("run/libvirt/qemu/*.xml", "etc/libvirt/qemu/*.xml", "sos_commands/virsh/virsh_-r_dumpxml_*")


def keep_safe(path: str, data: bytes) -> bytes | Missing:
    """The part of ``data`` that may be kept, the same again when applied to itself; else a gap."""
    rule = next((rule for pattern, rule in _RULES if fnmatchcase(path, pattern)), None)
    if rule is None:
        return data
    try:
        return rule(data, path)
    except ParseError as error:
        detail = f"not kept, because it could hold secrets: {error.message}"
        return Missing(source=path, reason=Reason.NOT_UNDERSTOOD, detail=detail)


def is_reduced(path: str) -> bool:
    """Whether only a part of such a file may be kept; ``path`` may be a pattern of the reading list."""
    return any(path == pattern or fnmatchcase(path, pattern) for pattern, _ in _RULES)


def _safe_xml(data: bytes, path: str) -> bytes:
    """An empty file stays empty; what virsh says instead of XML is kept if it is virsh's own error."""
    if not data.strip() or (data.startswith(b"error:") and len(data) < 4096):
        return data
    return safe_domain_xml(data.decode(errors="replace"), path).encode()


def _safe_command_line(data: bytes, _: str) -> bytes:
    """Kernel parameters whose name or value speaks of a secret lose their value."""
    words = data.decode("utf-8", "replace").split()
    return (" ".join(_safe_parameter(word) for word in words) + "\n").encode()


def _safe_parameter(word: str) -> str:
    name, equals, _ = word.partition("=")
    if not equals:
        return word
    return f"{name}=(removed)" if _SECRET_WORD.search(word.encode()) or "@" in word else word


def _safe_mounts(data: bytes, _: str) -> bytes:
    """The mounts of kernel file systems and of memory; network mounts tell servers and users."""
    rows = (line for line in data.splitlines(keepends=True))
    return b"".join(row for row in rows if len(row.split()) > 2 and row.split()[2] in _MOUNTS)


def _safe_configuration(data: bytes, _: str) -> bytes:
    """Options that are switches or numbers; texts (keys, command lines) are left out."""
    return b"".join(line + b"\n" for line in _CONFIGURATION.findall(data))


def _safe_pve(data: bytes, path: str) -> bytes:
    """The keys of a Proxmox guest that bear on memory and placement; no snapshots, no descriptions."""
    return safe_pve_conf(data.decode(errors="replace"), path).encode()


def _safe_first_processor(data: bytes, _: str) -> bytes:
    """The first processor stands for all; a host has hundreds."""
    return data.split(b"\n\n", 1)[0].rstrip(b"\n") + b"\n\n"


def _safe_arguments(data: bytes, path: str) -> bytes:
    """A JSON list of texts, reduced (again, where our collector did it) to known-safe keys."""
    try:
        words = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ParseError(path, 1, "", "a JSON list of texts") from error
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise ParseError(path, 1, "", "a JSON list of texts")
    return json.dumps(safe_arguments(words)).encode()


def _nothing(_: bytes, __: str) -> bytes:
    """Its existence is all we want."""
    return b""


_RULES: tuple[tuple[str, Callable[[bytes, str], bytes]], ...] = (
    ("etc/libvirt/qemu/autostart/*", _nothing),
    *((pattern, _safe_xml) for pattern in _XML_FILES),
    ("proc/cmdline", _safe_command_line),
    ("proc/self/mounts", _safe_mounts),
    ("proc/cpuinfo", _safe_first_processor),
    ("boot/config-*", _safe_configuration),
    ("etc/pve/qemu-server/*", _safe_pve),
    ("kvmedic/process/*/arguments", _safe_arguments),
)
