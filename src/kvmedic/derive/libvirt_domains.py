"""What libvirt says of each domain, joined by UUID: its answers, its status records, its definitions on disk.

A file's name is no proof of the domain in it (names are mangled), so the XML tells whose it is. Where libvirt
hangs or is absent, its own records below /run tell of the running domains, and those below /etc of the rest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeVar

import msgspec

from kvmedic.derive.reading import read_again_with, read_with
from kvmedic.model.evidence import Evidence
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.record import Record
from kvmedic.parse.domain_xml import DomainDefinition, parse_domain_xml
from kvmedic.parse.dominfo import DomainInfo, parse_dominfo, parse_domjobinfo
from kvmedic.parse.domstats import parse_domain_list, parse_domstats
from kvmedic.parse.status_xml import DomainStatus, parse_status_xml

VIRSH = "sos_commands/virsh/virsh_-r_"
STATUS = ("run/libvirt/qemu/", "var/run/libvirt/qemu/")
PERSISTENT = "etc/libvirt/qemu/"
ANSWER = "kvmedic/libvirt/answer"
_NOT_IN_FILE_NAMES = re.compile(r"[^A-Za-z0-9._-]")
_INACTIVE = "dumpxml_--inactive_"
T = TypeVar("T")
AllStats = Mapping[str, Mapping[str, str]]
"""Rows of domstats by domain."""


class LibvirtDomain(Record, frozen=True, kw_only=True):
    """All of libvirt's own about one domain; None where there is no such record."""

    name: str
    uuid: str | None
    live: DomainDefinition | None
    inactive: DomainDefinition | None
    info: DomainInfo | None
    listed_state: str | None
    stats: Mapping[str, str] | Missing
    stats_again: Mapping[str, str] | Missing
    """Its statistics of the second reading."""
    stats_gap: Missing | None
    """Why its QEMU was not asked (it is stopped, or busy); the state may be known all the same."""
    job: str | None
    status: DomainStatus | None
    is_answered: bool
    """libvirt itself gave its definition (not only files of it)."""

    @property
    def running_definition(self) -> DomainDefinition | None:
        """The live definition, by libvirt or by its status record."""
        return self.live or (self.status.definition if self.status else None)

    @property
    def definition(self) -> DomainDefinition | None:
        """The live definition, or the one that the next start uses."""
        return self.running_definition or self.inactive


def derive_libvirt_domains(evidence: Evidence, *, is_complete: bool) -> tuple[LibvirtDomain, ...]:
    """Every domain that any record tells of. ``is_complete``: libvirt answered, so files add no domains."""
    found: dict[str, LibvirtDomain] = {}
    stats = _statistics(evidence)
    again = read_again_with(evidence, f"{VIRSH}domstats", parse_domstats)
    _add_definitions(found, evidence)
    _add_listed(found, evidence, stats)
    _add_infos(found, evidence)
    _add_status(found, evidence, may_add=not is_complete)
    _add_persistent(found, evidence, may_add=not is_complete)
    return tuple(_with_stats(domain, evidence, stats, again) for domain in found.values())


def _add_definitions(found: dict[str, LibvirtDomain], evidence: Evidence) -> None:
    """The outputs of dumpxml; of a domain that is shut off, plain dumpxml prints the inactive definition."""
    for path, definition in _records(evidence, f"{VIRSH}dumpxml_", parse_domain_xml):
        before = found.get(definition.uuid or definition.name) or _new(definition, is_answered=True)
        is_live = definition.is_live and not path.startswith(f"{VIRSH}{_INACTIVE}")
        _put(found, before, live=definition) if is_live else _put(found, before, inactive=definition)


def _add_listed(found: dict[str, LibvirtDomain], evidence: Evidence, stats: AllStats | Missing) -> None:
    """States from the list; domains that are listed and whose definition is missing."""
    listed = read_with(evidence, f"{VIRSH}list_--all", parse_domain_list)
    states = {} if isinstance(listed, Missing) else listed
    by_name = {domain.name: domain for domain in found.values()}
    for name in dict.fromkeys([*states, *({} if isinstance(stats, Missing) else stats)]):
        _put(found, by_name.get(name) or _bare(name), listed_state=states.get(name))


def _add_infos(found: dict[str, LibvirtDomain], evidence: Evidence) -> None:
    prefix = f"{VIRSH}dominfo_"
    for path, info in _records(evidence, prefix, parse_dominfo):
        domain = found.get(info.uuid) or found.pop(info.name, None) or _bare(info.name)
        job = read_with(evidence, f"{VIRSH}domjobinfo_{path.removeprefix(prefix)}", parse_domjobinfo)
        known = msgspec.structs.replace(domain, uuid=info.uuid, is_answered=True)
        _put(found, known, info=info, job=None if isinstance(job, Missing) else job)


def _add_status(found: dict[str, LibvirtDomain], evidence: Evidence, *, may_add: bool) -> None:
    for directory in STATUS:
        for _, status in _records(evidence, directory, parse_status_xml):
            before = _known(found, status.definition) or (
                _new(status.definition, is_answered=False) if may_add else None
            )
            if before is not None:
                _put(found, before, status=status, job=before.job or status.job)


def _add_persistent(found: dict[str, LibvirtDomain], evidence: Evidence, *, may_add: bool) -> None:
    for _, definition in _records(evidence, PERSISTENT, parse_domain_xml):
        before = _known(found, definition) or (_new(definition, is_answered=False) if may_add else None)
        if before is not None and before.inactive is None:
            _put(found, before, inactive=definition)


def _known(found: dict[str, LibvirtDomain], definition: DomainDefinition) -> LibvirtDomain | None:
    """The domain by UUID; one that was only listed, by its name: libvirt knows each name once."""
    key = definition.uuid or definition.name
    bare = found.get(definition.name)
    if key not in found and bare is not None and bare.uuid is None:
        del found[definition.name]
        found[key] = msgspec.structs.replace(bare, uuid=definition.uuid)
    return found.get(key)


def _records(evidence: Evidence, prefix: str, parse: Callable[[str, str], T]) -> list[tuple[str, T]]:
    """The files directly below ``prefix`` that can be read; the collector's gaps tell of the others."""
    paths = [path for path in evidence.paths(prefix) if "/" not in path.removeprefix(prefix)]
    read = [(path, read_with(evidence, path, parse)) for path in paths]
    return [(path, record) for path, record in read if not isinstance(record, Missing)]


def _new(definition: DomainDefinition, *, is_answered: bool) -> LibvirtDomain:
    bare = _bare(definition.name)
    return msgspec.structs.replace(bare, uuid=definition.uuid, is_answered=is_answered)


def _bare(name: str) -> LibvirtDomain:
    not_yet = Missing(source=f"{VIRSH}domstats", reason=Reason.NOT_COLLECTED, detail="not yet looked up")
    return LibvirtDomain(
        name=name,
        uuid=None,
        live=None,
        inactive=None,
        info=None,
        listed_state=None,
        stats=not_yet,
        stats_again=not_yet,
        stats_gap=None,
        job=None,
        status=None,
        is_answered=True,
    )


def _put(found: dict[str, LibvirtDomain], domain: LibvirtDomain, **changes: object) -> None:
    found[domain.uuid or domain.name] = msgspec.structs.replace(domain, **changes)


def _with_stats(
    domain: LibvirtDomain, evidence: Evidence, stats: AllStats | Missing, again: AllStats | Missing
) -> LibvirtDomain:
    """With its own rows of domstats, and the gap that the reader told for this very domain, if it did."""
    told = evidence.files.get(f"{VIRSH}domstats/{mangled(domain.name)}")
    gap = told if isinstance(told, Missing) else None
    return msgspec.structs.replace(
        domain,
        stats=_own(stats, domain.name, gap),
        stats_again=_own(again, domain.name, None),
        stats_gap=gap,
    )


def _own(stats: AllStats | Missing, name: str, gap: Missing | None) -> Mapping[str, str] | Missing:
    """One domain's rows; ``gap`` says why there are none, if anything does."""
    if isinstance(stats, Missing):
        return stats
    detail = f"no statistics of {name}"
    missing = gap or Missing(source=f"{VIRSH}domstats", reason=Reason.NOT_FOUND, detail=detail)
    return stats.get(name, missing)


def _statistics(evidence: Evidence) -> AllStats | Missing:
    """All rows of domstats; where libvirt gave none, the reader's own gap says why."""
    stats = read_with(evidence, f"{VIRSH}domstats", parse_domstats)
    answer = evidence.files.get(ANSWER)
    return answer if isinstance(stats, Missing) and isinstance(answer, Missing) else stats


def mangled(name: str) -> str:
    """A domain's name as it stands in names of files."""
    return _NOT_IN_FILE_NAMES.sub("_", name)
