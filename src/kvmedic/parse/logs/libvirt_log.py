"""libvirt's daemons about domains and about themselves (libvirtd, virtqemud; journal or own log)."""

from __future__ import annotations

import re
from typing import Final, Literal

from kvmedic.model.log_event import LibvirtEvent
from kvmedic.parse.logs.envelope import LogLine
from kvmedic.parse.logs.report import Context

Kind = Literal[
    "state-lock-timeout",
    "monitor-lost",
    "monitor-unresponsive",
    "qemu-exited",
    "keepalive-timeout",
    "clients-limit",
    "service-failed",
]
_KINDS: Final[tuple[tuple[Kind, re.Pattern[str]], ...]] = (
    ("service-failed", re.compile(r"virt[a-z]*d\.service: (?P<holder>.{1,120})")),
    (
        "state-lock-timeout",
        re.compile(
            r"cannot acquire state change lock(?:.{0,20}\(?held by "
            r"(?P<holder>[^)]{1,200}))?"
        ),
    ),
    (
        "state-lock-timeout",
        re.compile(
            r"Cannot start job \(.{0,80}?\) .{0,40}for domain (?P<domain>[^\s;]{1,255})"
            r"(?:; current job is \((?P<holder>[^)]{0,120})\))?"
        ),
    ),
    (
        "monitor-lost",
        re.compile(
            r"[Ee]nd of file (?:from|while reading) (?:qemu )?monitor"
            r"|nable to read from monitor"
        ),
    ),
    (
        "monitor-unresponsive",
        re.compile(
            r"monitor .{0,60}(?:hung|unresponsive)|connection to (?:the )?(?:VM"
            r"|monitor)"
        ),
    ),
    (
        "qemu-exited",
        re.compile(
            r"(?:process exited|(?:qemu|QEMU) unexpectedly|connection closed"
            r"|early end of file)"
        ),
    ),
    ("keepalive-timeout", re.compile(r"keepalive|failed to respond to keepalive")),
    ("clients-limit", re.compile(r"[Tt]oo many (?:active )?clients")),
)
_DOMAIN = re.compile(r"(?:domain|vm)[ =]'?([\w.@+-]{1,255})'?", re.IGNORECASE)
_PROGRAMS: Final = ("libvirt", "virt", "systemd", "nova-compute", "vdsm")


def read_libvirt(context: Context, line: LogLine) -> LibvirtEvent | None:
    """What this line tells of libvirt; None for other lines."""
    if line.identifier is not None and not line.identifier.startswith(_PROGRAMS):
        return None
    for kind, pattern in _KINDS:
        match = pattern.search(line.message)
        if match is not None:
            found = match.groupdict()
            domain = _DOMAIN.search(line.message)
            return LibvirtEvent(
                at=context.at(line),
                host=line.host,
                lines=context.proof(line),
                kind=kind,
                domain=found.get("domain") or (domain[1] if domain else None),
                holder=found.get("holder"),
                detail=line.message[:500],
            )
    return None
