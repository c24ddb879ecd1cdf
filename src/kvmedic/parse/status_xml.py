"""libvirt's own record of a running domain, /run/libvirt/qemu/NAME.xml (virDomainObjFormat)."""

from __future__ import annotations

from kvmedic.errors import ParseError
from kvmedic.model.record import Record
from kvmedic.parse.domain_xml import DomainDefinition, definition_of
from kvmedic.parse.xml_tree import parse_tree


class DomainStatus(Record, frozen=True, kw_only=True):
    """State, reason and pid as libvirtd last wrote them, with the live definition. ``job``: none is None."""

    state: str
    reason: str
    pid: int
    job: str | None
    definition: DomainDefinition


def parse_status_xml(text: str, source: str) -> DomainStatus:
    """The record in ``text``; a ParseError where it is no <domstatus> with a pid and a <domain>."""
    root = parse_tree(text, source)
    domain = root.find("domain")
    pid = root.get("pid", "")
    if root.tag != "domstatus" or domain is None or not (pid.isascii() and pid.isdigit() and len(pid) < 10):
        raise ParseError(source, 1, root.tag, "a <domstatus> with a pid and a <domain>")
    job = root.find("job")
    names = () if job is None else (job.get("async", "none"), job.get("type", "none"))
    return DomainStatus(
        state=root.get("state", "unknown"),
        reason=root.get("reason", "unknown"),
        pid=int(pid),
        job=next((name for name in names if name != "none"), None),
        definition=definition_of(domain, source),
    )
