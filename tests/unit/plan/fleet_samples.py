"""Fleets of tests: a host with one domain that nothing holds, and another host with room for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from situations import inflated, situation
from snapshots import snapshot

from kvmedic.model.domain import DomainFacts
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.migration import (
    CpuReply,
    DestinationFacts,
    DiskUse,
    DomainThere,
    FleetSight,
    HostMigrationMarks,
    Mobility,
)
from kvmedic.model.policy import NO_POLICY
from kvmedic.plan.situation import HostView, Situation
from kvmedic.units import GIB, MIB

UNSEEN = Missing(source="ssh", reason=Reason.NOT_COLLECTED, detail="no ssh")
SILENT = Missing(source="qemu+tcp://b/system", reason=Reason.UNREACHABLE, detail="no answer")
NO_MARKS = HostMigrationMarks(cordon=None, has_migration_certificates=False, missing_files=(), questions={})


def mobility(domain: DomainFacts, **changes: Any) -> Mobility:
    """What libvirt tells of a plain guest."""
    plain = Mobility(
        uuid=str(domain.uuid),
        name=domain.name,
        host_uuid="uuid-of-a",
        domain_type="kvm",
        arch="x86_64",
        machine="pc-q35-7.2",
        cpu_xml="<cpu/>",
        maximum_bytes=int(domain.memory_max_bytes) if isinstance(domain.memory_max_bytes, int) else 0,
        disks=(),
        holds=(),
        files=(),
        networks=(),
        snapshots=0,
        checkpoints=0,
        block_jobs=(),
        has_job=False,
        is_persistent=True,
        autostarts=False,
        is_locked=False,
        hard_limit_bytes=None,
        is_shared_memory=False,
        hugepage_size_bytes=None,
        host_nodes=None,
    )
    return msgspec.structs.replace(plain, **changes)


def disk(**changes: Any) -> DiskUse:
    """A disk on NFS, with the cache off."""
    plain = DiskUse(
        target="vda",
        kind="file",
        source="/nfs/web-1.img",
        cache="none",
        is_read_only=False,
        is_shareable=False,
        filesystem="nfs",
    )
    return msgspec.structs.replace(plain, **changes)


def there(guests: tuple[DomainFacts, ...], **changes: Any) -> DestinationFacts:
    """A destination of 32 GiB, 20 of them free, that can take every CPU."""
    reply = DomainThere(cpu=CpuReply(answer="superset", detail=""), state=None, is_name_taken=False)
    plain = DestinationFacts(
        host_uuid="uuid-of-b",
        cpus=8,
        running=0,
        total_bytes=32 * GIB,
        available_bytes=20 * GIB,
        node_free_bytes={0: 20 * GIB},
        free_huge_pages={0: {2 * MIB: 0}},
        domains={str(domain.uuid): reply for domain in guests},
    )
    return msgspec.structs.replace(plain, **changes)


def view(name: str, facts: DestinationFacts | Missing, **changes: Any) -> HostView:
    """A host that is seen through libvirt alone."""
    plain = HostView(
        name=name,
        uri=f"qemu+tcp://{name}/system",
        migrate_uri=None,
        snapshot=UNSEEN,
        libvirt=facts,
        marks=NO_MARKS,
    )
    return msgspec.structs.replace(plain, **changes)


def fleet(
    *domains: DomainFacts,
    others: tuple[HostView, ...] | None = None,
    moves: Mapping[str, Mapping[str, Any]] | None = None,
    policy: Mapping[str, Any] | None = None,
    sight: Mapping[str, Any] | None = None,
    wishes: Mapping[str, Any] | None = None,
    is_local: bool = False,
) -> Situation:
    """A situation seen from elsewhere; ``moves`` changes what holds a domain, by its name."""
    here = domains or (inflated(),)
    told = FleetSight(
        uri="qemu+tcp://a/system",
        ssh="ssh://root@a",
        mobility={str(d.uuid): mobility(d, **(moves or {}).get(d.name, {})) for d in here},
        marks=NO_MARKS,
        controller_uuid=None,
    )
    return msgspec.structs.replace(
        situation(*here, wishes=wishes),
        fleet=msgspec.structs.replace(told, **(sight or {})),
        others=(view("b", there(here)),) if others is None else others,
        policy=msgspec.structs.replace(NO_POLICY, **(policy or {})),
        is_local=is_local,
    )


def busy(*guests: DomainFacts) -> Any:
    """A snapshot of a destination that has guests of its own."""
    return snapshot(*guests)
