"""colocated-service-memory: something beside the guests uses much of the host's memory.

An OSD, a backup agent, an exporter, tmpfs and shared memory that nobody removed, ZFS's cache. Whether it is
to blame depends on need: on a host with memory to spare it is a fact to know, no more.
"""

from __future__ import annotations

from kvmedic.diagnose.need import Need, memory_need
from kvmedic.diagnose.verdicts import LIKELY, POSSIBLE, because, cleared, finding, lacking, no_domain
from kvmedic.model.finding import Cause, Finding, Judgement, Subject
from kvmedic.model.gap import Missing
from kvmedic.model.snapshot import ServiceMemory, Snapshot
from kvmedic.model.subjects import HOST
from kvmedic.units import GIB, human_bytes

ID = "colocated-service-memory"
REMEDIES = ("migrate-domain",)
LARGE_SHARE = 0.10
"""A tenth of the memory for one service is more than host planning sets aside (RHEL and Proxmox: 1 to 4
GiB)."""
LARGE_BYTES = 1 * GIB
"""On small hosts a tenth is what an ordinary daemon may need."""


def examine(snapshot: Snapshot) -> Judgement:
    """Each large process that is no QEMU, and shared memory that is no guest's."""
    if isinstance(snapshot.domains, Missing):
        return lacking(snapshot.domains)
    if not snapshot.running:
        return no_domain()
    need = memory_need(snapshot)
    if isinstance(need, Missing):
        return lacking(need)
    limit = max(int(need.total_bytes * LARGE_SHARE), LARGE_BYTES)
    findings = (
        *_large_services(snapshot, limit, need),
        *_large_shmem(snapshot, limit, need),
        *_large_arc(snapshot, limit, need),
    )
    if findings:
        return Judgement(findings=findings)
    if isinstance(snapshot.services, Missing):
        return lacking(snapshot.services)
    return cleared(f"no process beside the guests uses {human_bytes(limit)}", "proc/PID/status")


def _large_services(snapshot: Snapshot, limit: int, need: Need) -> list[Finding]:
    services = () if isinstance(snapshot.services, Missing) else snapshot.services
    return [_service_finding(service, need) for service in services if service.rss_bytes >= limit]


def _service_finding(service: ServiceMemory, need: Need) -> Finding:
    held = human_bytes(service.rss_bytes)
    return finding(
        ID,
        Subject(kind="process", name=service.name, id=f"pid {service.pid}"),
        need.severity(),
        LIKELY if need.is_short else POSSIBLE,
        summary=f"{service.name} uses {held} beside the guests",
        proof=[because(f"RSS of {service.name} {held}", f"proc/{service.pid}/status"), need.reason],
        remedies=REMEDIES,
    )


def _large_shmem(snapshot: Snapshot, limit: int, need: Need) -> list[Finding]:
    ledger = snapshot.memory.ledger
    if isinstance(ledger, Missing) or ledger.shmem < limit:
        return []
    held = human_bytes(ledger.shmem)
    return [
        finding(
            ID,
            HOST,
            need.severity(),
            POSSIBLE,
            summary=f"{held} of shared memory and tmpfs are no running guest's",
            proof=[because(f"Shmem that no QEMU maps: {held}", "ledger"), need.reason],
            remedies=REMEDIES,
        )
    ]


def _large_arc(snapshot: Snapshot, limit: int, need: Need) -> list[Finding]:
    """A guest that starts takes memory faster than the cache gives it back, so it is told on any host."""
    arc = snapshot.memory.zfs_arc
    if arc is None or arc.size_bytes < limit:
        return []
    held, most = human_bytes(arc.size_bytes), human_bytes(arc.most_bytes)
    text = f"ARC {held}, between {human_bytes(arc.least_bytes)} and {most} (zfs_arc_min, zfs_arc_max)"
    return [
        finding(
            ID,
            HOST,
            need.severity(),
            LIKELY if need.is_short else POSSIBLE,
            summary=f"ZFS's cache holds {held} beside the guests, and may hold {most}",
            proof=[because(text, "proc/spl/kstat/zfs/arcstats"), need.reason],
            remedies=(),
        )
    ]


CAUSE = Cause(
    id=ID,
    title="A service beside the guests uses much memory",
    is_essential=False,
    judged="both",
    examine=examine,
)
