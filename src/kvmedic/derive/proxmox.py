"""What Proxmox VE's configuration says of a guest that its QEMU does not."""

from __future__ import annotations

import re

from kvmedic.derive.reading import read_with
from kvmedic.model.evidence import Evidence
from kvmedic.model.gap import Missing
from kvmedic.model.record import Record
from kvmedic.parse.pve_conf import parse_pve_conf
from kvmedic.units import MIB

_CONFIGURATION = re.compile(r"etc/pve/qemu-server/(\d{1,9})\.conf")


class ProxmoxSettings(Record, frozen=True, kw_only=True):
    """``balloon_bytes``: what its auto-balloon may go down to; 0: no balloon device; None: not set.

    ``memory_bytes``: what the guest may have, with what was plugged into it while it ran.
    """

    name: str | None
    memory_bytes: int | None
    balloon_bytes: int | None
    starts_on_boot: bool


def derive_proxmox(evidence: Evidence, proxmox_id: str | None) -> ProxmoxSettings | None:
    """The settings of the guest with that id; None where there is no such guest or file."""
    if proxmox_id is None:
        return None
    settings = read_with(evidence, f"etc/pve/qemu-server/{proxmox_id}.conf", parse_pve_conf)
    if isinstance(settings, Missing):
        return None
    return ProxmoxSettings(
        name=settings.get("name"),
        memory_bytes=_mebibytes(settings.get("memory", "").removeprefix("current=")),
        balloon_bytes=_mebibytes(settings.get("balloon", "")),
        starts_on_boot=settings.get("onboot") == "1",
    )


def names_of_proxmox(evidence: Evidence) -> dict[str, str]:
    """The name of each guest that Proxmox has a configuration of, by its id."""
    names: dict[str, str] = {}
    for path in evidence.files:
        match = _CONFIGURATION.fullmatch(path)
        settings = None if match is None else derive_proxmox(evidence, match[1])
        if match is not None and settings is not None and settings.name:
            names[match[1]] = settings.name
    return names


def _mebibytes(text: str) -> int | None:
    return int(text) * MIB if text.isascii() and text.isdigit() and len(text) < 12 else None
