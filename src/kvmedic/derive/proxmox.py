"""What Proxmox VE's configuration says of a guest that its QEMU does not."""

from __future__ import annotations

from kvmedic.derive.reading import read_with
from kvmedic.model.evidence import Evidence
from kvmedic.model.gap import Missing
from kvmedic.model.record import Record
from kvmedic.parse.pve_conf import parse_pve_conf
from kvmedic.units import MIB


class ProxmoxSettings(Record, frozen=True, kw_only=True):
    """``balloon_bytes``: what its auto-balloon may go down to; 0: no balloon device; None: not set."""

    name: str | None
    balloon_bytes: int | None
    starts_on_boot: bool


def derive_proxmox(evidence: Evidence, proxmox_id: str | None) -> ProxmoxSettings | None:
    """The settings of the guest with that id; None where there is no such guest or file."""
    if proxmox_id is None:
        return None
    settings = read_with(evidence, f"etc/pve/qemu-server/{proxmox_id}.conf", parse_pve_conf)
    if isinstance(settings, Missing):
        return None
    balloon = settings.get("balloon", "")
    return ProxmoxSettings(
        name=settings.get("name"),
        balloon_bytes=int(balloon) * MIB
        if balloon.isascii() and balloon.isdigit() and len(balloon) < 12
        else None,
        starts_on_boot=settings.get("onboot") == "1",
    )
