"""Looks at the hosts of a fleet: what holds each domain where it is, and what every other host could take.

Nothing is changed. Each host is asked through its libvirt, and where the policy names its ssh, by the
collector and a small script. What does not answer is a gap in its place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from kvmedic.adapters.host_shell import HostShell, ssh_target
from kvmedic.adapters.migration_session import MigrationSession
from kvmedic.adapters.quick_host import QuickHost
from kvmedic.derive.snapshot import assemble_snapshot
from kvmedic.errors import KvmedicError, PreconditionFailedError
from kvmedic.model.evidence import Target
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.migration import (
    CpuReply,
    DestinationFacts,
    DomainThere,
    FleetSight,
    HostMigrationMarks,
    Mobility,
)
from kvmedic.model.plan import MigrateDomain
from kvmedic.model.policy import FleetHost, Policy
from kvmedic.model.request import CollectRequest
from kvmedic.model.snapshot import Snapshot
from kvmedic.parse.mobility_xml import parse_mobility
from kvmedic.plan.migration_blockers import blockers_of_coming, blockers_of_itself
from kvmedic.plan.situation import HostView, Situation
from kvmedic.ports import Progress
from kvmedic.units import KIB

SYSTEM = "qemu:///system"
QUESTIONS = frozenset({"ceph-noout-set", "ha-maintenance-on", "fencing-disarmed"})
GLANCE = CollectRequest(is_deep=False, interval_s=0.0, page_map="none")
MARKS = """
[ -e /run/kvmedic/cordon ] && printf 'cordon\\t%s\\n' "$(head -c 300 /run/kvmedic/cordon | tr '\\t\\n' '  ')"
for d in /etc/pki/libvirt-migrate /etc/pki/qemu; do
  [ -e $d/server-cert.pem ] && [ -e $d/ca-cert.pem ] && printf 'certificates\\t%s\\n' "$d" && break
done
for p in "$@"; do [ -e "$p" ] || printf 'missing\\t%s\\n' "$p"; done
ask() { [ -e "$1" ] && printf '%s\\t%s\\n' "$2" "$1"; }
ask /etc/ceph/ceph.conf ceph-noout-set
ask /etc/corosync/corosync.conf ha-maintenance-on
ask /etc/pve/ha/resources.cfg ha-maintenance-on
ask /etc/sysconfig/sbd fencing-disarmed
ask /etc/default/sbd fencing-disarmed
for c in /proc/[0-9]*/comm; do
  read -r name < "$c" || continue
  case $name in
    pacemakerd|corosync) printf 'ha-maintenance-on\\t%s runs\\n' "$name" ;;
    sbd|pve-ha-lrm|watchdog-mux|wdmd) printf 'fencing-disarmed\\t%s runs\\n' "$name" ;;
    ceph-osd|ceph-mon) printf 'ceph-noout-set\\t%s runs\\n' "$name" ;;
  esac
done 2>/dev/null
printf 'seen\\t\\n'
"""
FILESYSTEMS = """
for p in "$@"; do printf '%s\\t%s\\n' "$(stat -f -c %T -- "$p" 2>/dev/null || echo unknown)" "$p"; done
"""


def look_at_fleet(situation: Situation, target: Target, policy: Policy, progress: Progress) -> Situation:
    """The situation with the fleet in it: the source's domains, and every host they could go to."""
    source = source_of(target, policy)
    progress("asking what holds each domain", None)
    sight = _sight(source, situation.snapshot)
    mobility = {} if isinstance(sight.mobility, Missing) else sight.mobility
    views = []
    for host in destinations(policy, source, situation.wishes.destination_uri, situation.wishes.migrate_uri):
        progress(f"asking {host.name} what it could take", None)
        views.append(view_of(host, mobility))
    return msgspec.structs.replace(situation, fleet=sight, others=tuple(views))


def reasons_now(action: MigrateDomain, source_uri: str, policy: Policy) -> tuple[str, ...]:
    """Why a planned move must not begin now: a plan may be a day old, and a destination full or cordoned
    since."""
    known = next((host for host in policy.hosts if host.uri == source_uri), None)
    source = known or FleetHost(name=source_uri, uri=source_uri)
    found = _mobility(source, HostShell(source.ssh), [action.domain_uuid])
    if isinstance(found, Missing):
        return (f"what holds {action.domain_name} is not known: {found}",)
    moving = found[action.domain_uuid]
    (host,) = destinations(policy, source, action.destination_uri, action.migrate_uri)
    coming = blockers_of_coming(view_of(host, found), moving)
    return tuple(each.text for each in (*blockers_of_itself(moving), *coming))


def source_of(target: Target, policy: Policy) -> FleetHost:
    """The host that is looked at: the policy's, or by its ssh name alone; this host has no ssh."""
    if target.kind != "ssh":
        return FleetHost(name=target.name, uri=SYSTEM)
    for host in policy.hosts:
        if host.ssh is not None and ssh_target(host.ssh).shown == target.name:
            return host
    return FleetHost(name=target.name, uri=f"qemu+ssh://{target.name}/system", ssh=f"ssh://{target.name}")


def destinations(
    policy: Policy, source: FleetHost, wished_uri: str | None, migrate_uri: str | None
) -> Sequence[FleetHost]:
    """The one that was named, or every host of the policy that takes guests."""
    if wished_uri is None:
        return [host for host in policy.hosts if host.is_destination and host.name != source.name]
    known = next((h for h in policy.hosts if wished_uri in (h.uri, h.name)), None)
    if known is None:
        return [FleetHost(name=wished_uri, uri=wished_uri, migrate_uri=migrate_uri)]
    return [msgspec.structs.replace(known, migrate_uri=migrate_uri or known.migrate_uri)]


def view_of(host: FleetHost, mobility: Mapping[str, Mobility]) -> HostView:
    """A host that domains could come to."""
    return HostView(
        name=host.name,
        uri=host.uri,
        migrate_uri=host.migrate_uri,
        snapshot=_snapshot(host),
        libvirt=_destination(host, mobility),
        marks=_marks(host.ssh, wanted_files(mobility)),
    )


def wanted_files(mobility: Mapping[str, Mobility]) -> list[str]:
    """Files that must be at the destination, too."""
    found = {path for each in mobility.values() for path in each.files}
    for each in mobility.values():
        found |= {d.source for d in each.disks if d.source and d.kind in ("file", "block")}
    return sorted(found)


def _snapshot(host: FleetHost) -> Snapshot | Missing:
    if host.ssh is None:
        return _not_collected("the policy names no ssh for it")
    try:
        return assemble_snapshot(QuickHost(host.ssh).collect(GLANCE, _silent))
    except KvmedicError as error:
        return _unreachable(host.ssh, error)


def _marks(ssh: str | None, files: Sequence[str], *, is_here: bool = False) -> HostMigrationMarks | Missing:
    if ssh is None and not is_here:
        return _not_collected("the policy names no ssh for it")
    try:
        rows = _rows_of_marks(HostShell(ssh), files)
    except KvmedicError as error:
        return _unreachable(str(ssh), error)
    return HostMigrationMarks(
        cordon=next((text.strip() or "cordoned" for key, text in rows if key == "cordon"), None),
        has_migration_certificates=any(key == "certificates" for key, _ in rows),
        missing_files=tuple(text for key, text in rows if key == "missing"),
        questions={key: text for key, text in reversed(rows) if key in QUESTIONS},
    )


def _rows_of_marks(shell: HostShell, files: Sequence[str]) -> list[tuple[str, str]]:
    """The script's rows. PreconditionFailedError where it did not come to its end."""
    rows = [line.partition("\t") for line in shell.run(MARKS, *files).out.splitlines()]
    if not any(key == "seen" for key, _, _ in rows):
        raise PreconditionFailedError(f"the marks of {shell.shown} could not be read to their end")
    return [(key, text) for key, _, text in rows]


def _destination(host: FleetHost, mobility: Mapping[str, Mobility]) -> DestinationFacts | Missing:
    asked = {
        uuid: {
            "name": each.name,
            "arch": each.arch,
            "machine": each.machine,
            "virt_type": each.domain_type,
            "cpu_xml": each.cpu_xml,
        }
        for uuid, each in mobility.items()
    }
    try:
        answer = MigrationSession(host.uri).ask("destination", domains=asked)
    except KvmedicError as error:
        return _unreachable(host.uri, error)
    memory = {key: value * KIB for key, value in answer["memory_kib"].items()}
    return DestinationFacts(
        host_uuid=answer["host_uuid"],
        cpus=answer["cpus"],
        running=answer["running"],
        total_bytes=memory.get("total", 0),
        available_bytes=sum(memory.get(key, 0) for key in ("free", "buffers", "cached")),
        node_free_bytes={int(n): kib * KIB for n, kib in answer["node_free_kib"].items() if kib is not None},
        free_huge_pages={
            int(node): {int(size) * KIB: count for size, count in of.items()}
            for node, of in answer["free_pages"].items()
        },
        domains={uuid: _there(of) for uuid, of in answer["answers"].items()},
    )


def _there(answer: Mapping[str, Any]) -> DomainThere:
    said, _, detail = str(answer["cpu"]).partition(": ")
    return DomainThere(
        cpu=msgspec.convert({"answer": said, "detail": detail}, CpuReply),
        state=None if answer["there"] is None else str(answer["there"]["state"]),
        is_name_taken=bool(answer["name_taken"]),
    )


def _sight(source: FleetHost, snapshot: Snapshot) -> FleetSight:
    shell = HostShell(source.ssh)
    return FleetSight(
        uri=source.uri,
        ssh=source.ssh,
        mobility=_mobility(source, shell, [str(d.uuid) for d in snapshot.running if isinstance(d.uuid, str)]),
        marks=_marks(source.ssh, (), is_here=source.ssh is None),
        controller_uuid=None if source.ssh is None else _own_hardware_uuid(),
    )


def _own_hardware_uuid() -> str | None:
    try:
        return Path("/sys/class/dmi/id/product_uuid").read_text().strip().lower() or None
    except OSError:
        return None


def _mobility(source: FleetHost, shell: HostShell, uuids: Sequence[str]) -> Mapping[str, Mobility] | Missing:
    try:
        answer = MigrationSession(source.uri).ask("source", uuids=list(uuids))
        found = [_one(answer["host_uuid"], raw) for raw in answer["domains"]]
        return {each.uuid: each for each in _with_filesystems(found, shell)}
    except KvmedicError as error:
        return _unreachable(source.uri, error)


def _one(host_uuid: str, raw: Mapping[str, Any]) -> Mobility:
    parts = parse_mobility(raw["xml"], "libvirt's live definition")
    definition = parts.definition
    return Mobility(
        uuid=raw["uuid"],
        name=definition.name,
        host_uuid=host_uuid,
        domain_type=definition.domain_type,
        arch=parts.arch,
        machine=parts.machine,
        cpu_xml=parts.cpu_xml,
        maximum_bytes=definition.memory_bytes,
        disks=parts.disks,
        holds=parts.holds,
        files=parts.files,
        networks=parts.networks,
        snapshots=raw["snapshots"],
        checkpoints=raw["checkpoints"],
        block_jobs=tuple(raw["block_jobs"]),
        has_job=raw["job"] != 0,
        is_persistent=raw["is_persistent"],
        autostarts=raw["autostarts"],
        is_locked=definition.is_locked,
        hard_limit_bytes=parts.hard_limit_bytes,
        is_shared_memory=parts.is_shared_memory,
        hugepage_size_bytes=definition.hugepage_size_bytes,
        host_nodes=definition.host_nodes,
    )


def _with_filesystems(found: Sequence[Mobility], shell: HostShell) -> list[Mobility]:
    paths = sorted({d.source for each in found for d in each.disks if d.source and d.kind == "file"})
    if not paths:
        return list(found)
    rows = (line.split("\t", 1) for line in shell.run(FILESYSTEMS, *paths).out.splitlines() if "\t" in line)
    kinds = {path: kind for kind, path in rows}
    return [
        msgspec.structs.replace(
            each,
            disks=tuple(
                msgspec.structs.replace(disk, filesystem=kinds.get(disk.source or "", "unknown"))
                if disk.kind == "file"
                else disk
                for disk in each.disks
            ),
        )
        for each in found
    ]


def _not_collected(detail: str) -> Missing:
    return Missing(source="fleet", reason=Reason.NOT_COLLECTED, detail=detail)


def _unreachable(source: str, error: KvmedicError) -> Missing:
    return Missing(source=source, reason=Reason.UNREACHABLE, detail=error.message)


def _silent(_phrase: str, _share: float | None) -> None:
    """No progress: it is shown by host."""
