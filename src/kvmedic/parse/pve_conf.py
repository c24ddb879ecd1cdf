"""/etc/pve/qemu-server/ID.conf of Proxmox VE: rows "key: value"; snapshots follow as sections in brackets."""

from __future__ import annotations

from collections.abc import Mapping

from kvmedic.parse.lines import numbered_lines

SAFE_KEYS = frozenset(
    {
        *("agent", "balloon", "bios", "cores", "cpu", "hotplug", "hugepages", "keephugepages", "kvm", "lock"),
        *("machine", "memory", "name", "numa", "onboot", "ostype", "shares", "sockets", "template", "vcpus"),
    }
)


def parse_pve_conf(text: str, source: str) -> Mapping[str, str]:
    """The current configuration (not its snapshots), reduced to keys without secrets.

    Comment rows are the guest's description. A ParseError where a row is no "key: value".
    """
    settings: dict[str, str] = {}
    for line in numbered_lines(text, source):
        if line.text.startswith("["):
            break
        if line.text.startswith("#"):
            continue
        key, colon, value = line.text.partition(":")
        if not colon:
            raise line.error("a row key: value")
        if key in SAFE_KEYS or key.startswith("hostpci"):
            settings[key] = "" if key.startswith("hostpci") else value.strip()
    return settings


def safe_pve_conf(text: str, source: str) -> str:
    """The same as text, which is what may be kept."""
    return "".join(f"{key}: {value}\n" for key, value in parse_pve_conf(text, source).items())
