"""Hosts with one domain, as they were recorded; see tests/data/domains."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from kvmedic.derive.domains import derive_domains
from kvmedic.model.domain import DomainFacts
from kvmedic.model.evidence import Evidence, Target
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.page_map import PageMap

DOMAINS = Path(__file__).parents[2] / "data" / "domains"
NO_PAGE_MAP = Missing(source="kvmedic/page_map.json", reason=Reason.NOT_COLLECTED, detail="not asked for")
TAKEN_AT = {"cgroup-v1": 1795558420.9, "cgroup-v2": 1795558466.6}
VIRSH = "sos_commands/virsh/"
Files = dict[str, bytes | Missing]
_AGAIN = "kvmedic/again/"


def recorded(host: str) -> tuple[Files, Files]:
    """Both readings of a recorded host."""
    root = DOMAINS / host
    every = {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    first: Files = {path: data for path, data in every.items() if not path.startswith(_AGAIN)}
    again: Files = {
        path.removeprefix(_AGAIN): data for path, data in every.items() if path.startswith(_AGAIN)
    }
    return first, again


def host_evidence(
    host: str = "cgroup-v1", changes: Mapping[str, bytes | Missing | None] | None = None
) -> Evidence:
    """The recorded host with some files changed, or (None) taken away."""
    files, again = recorded(host)
    for path, data in (changes or {}).items():
        files.pop(path, None)
        if data is not None:
            files[path] = data
    return Evidence(
        target=Target(kind="host", name=host),
        taken_at=TAKEN_AT[host],
        interval_s=1.0,
        files=files,
        again=again,
    )


def without_libvirt(host: str = "cgroup-v1", state: str = "hung gave no answer within 2.0 s\n") -> Evidence:
    """The same host when libvirt does not answer."""
    files, _ = recorded(host)
    gone: dict[str, bytes | Missing | None] = {path: None for path in files if path.startswith(VIRSH)}
    return host_evidence(host, {**gone, "kvmedic/libvirt/state": state.encode()})


def derived(
    evidence: Evidence, page_map: PageMap | Missing = NO_PAGE_MAP
) -> tuple[tuple[DomainFacts, ...], list[Missing]]:
    """The domains of a host whose domains are known."""
    domains, gaps = derive_domains(evidence, page_map)
    assert not isinstance(domains, Missing)
    return domains, gaps


def only_domain(evidence: Evidence) -> DomainFacts:
    """The one domain of a host."""
    (domain,) = derived(evidence)[0]
    return domain
