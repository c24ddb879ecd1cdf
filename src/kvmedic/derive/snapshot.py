"""Evidence to Snapshot: each fact by its own module, every gap kept."""

from __future__ import annotations

import msgspec

from kvmedic.derive.domains import derive_domains
from kvmedic.derive.host import derive_host
from kvmedic.derive.host_memory import (
    derive_memory,
    derive_pagetypeinfo,
    derive_slabs,
    with_ledger,
)
from kvmedic.derive.processes import derive_daemons, derive_libvirt_state, derive_services
from kvmedic.model.evidence import Evidence
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.page_map import PageMap
from kvmedic.model.snapshot import Snapshot

PAGE_MAP_PATH = "kvmedic/page_map.json"
NO_LOG = Missing(source="logs", reason=Reason.NOT_COLLECTED, detail="check reads no logs; see kvmedic why")


def assemble_snapshot(evidence: Evidence) -> Snapshot:
    """All facts of one target. Nothing is raised: what cannot be derived is a gap in its place."""
    host, host_gaps = derive_host(evidence)
    memory, memory_gaps = derive_memory(evidence)
    page_map = derive_page_map(evidence)
    domains, domain_gaps = derive_domains(evidence, page_map)
    return Snapshot(
        target=evidence.target,
        taken_at=evidence.taken_at,
        interval_s=evidence.interval_s,
        host=host,
        memory=with_ledger(memory, domains),
        domains=domains,
        daemons=derive_daemons(evidence),
        services=derive_services(evidence),
        libvirt=derive_libvirt_state(evidence),
        page_map=page_map,
        pagetypeinfo=derive_pagetypeinfo(evidence),
        slabs=derive_slabs(evidence, memory.page_size_bytes),
        events=NO_LOG,
        gaps=_without_doubles([*host_gaps, *memory_gaps, *domain_gaps, *_collection_gaps(evidence)]),
    )


def derive_page_map(evidence: Evidence) -> PageMap | Missing:
    """The page map's summary as its collector wrote it."""
    raw = evidence.read(PAGE_MAP_PATH)
    if isinstance(raw, Missing):
        return raw
    try:
        return msgspec.json.decode(raw, type=PageMap)
    except msgspec.DecodeError as error:
        return Missing(source=PAGE_MAP_PATH, reason=Reason.NOT_UNDERSTOOD, detail=str(error))


def _collection_gaps(evidence: Evidence) -> list[Missing]:
    """What the collector tried and could not read for a reason that matters: not mere absence of a file."""
    telling = (Reason.DENIED, Reason.TIMED_OUT, Reason.UNREACHABLE)
    return [
        found for found in evidence.files.values() if isinstance(found, Missing) and found.reason in telling
    ]


def _without_doubles(gaps: list[Missing]) -> tuple[Missing, ...]:
    return tuple({gap.source: gap for gap in reversed(gaps)}.values())[::-1]
