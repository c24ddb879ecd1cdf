"""backup-job: a backup runs now; what is slow or stands still may be its doing.

Backups read every disk, may freeze the file systems of a guest, and come at 03:00 when nobody looks. A frozen
guest that is not thawed hangs for good.
"""

from __future__ import annotations

from collections.abc import Iterator

from kvmedic.diagnose.readings import is_waiting, pressure_lines
from kvmedic.diagnose.verdicts import LIKELY, POSSIBLE, because, cleared, finding, lacking, no_domain
from kvmedic.model.domain import DomainFacts
from kvmedic.model.finding import Cause, Finding, Judgement, Severity, Subject
from kvmedic.model.gap import Missing
from kvmedic.model.snapshot import ServiceMemory, Snapshot
from kvmedic.model.subjects import HOST, domain_subject

ID = "backup-job"
REMEDIES: tuple[str, ...] = ()
BACKUP_WORDS = (
    "vzdump",
    "proxmox-backup",
    "borg",
    "restic",
    "bacula",
    "bareos",
    "veeam",
    "virtnbdbackup",
    "vprotect",
)
"""Names of programs that back up guests."""
OTHER_JOBS = ("migrat", "start", "save", "restore", "dump")
"""Jobs of libvirt that are no backup, whatever else they are."""


def examine(snapshot: Snapshot) -> Judgement:
    """Jobs of the domains, and processes whose name is a backup program's."""
    if isinstance(snapshot.domains, Missing):
        return lacking(snapshot.domains)
    if not snapshot.running:
        return no_domain()
    findings = (*_jobs(snapshot), *_programs(snapshot))
    if findings:
        return Judgement(findings=findings)
    unknown = [domain.name for domain in snapshot.running if domain.source != "libvirt"]
    if unknown:
        return lacking(f"jobs of {', '.join(unknown)}: libvirt did not tell")
    return cleared(f"no job runs on {len(snapshot.running)} domains", "libvirt")


def _jobs(snapshot: Snapshot) -> Iterator[Finding]:
    for domain in snapshot.running:
        if domain.job and not any(word in domain.job.lower() for word in OTHER_JOBS):
            yield _job_finding(snapshot, domain, domain.job)


def _job_finding(snapshot: Snapshot, domain: DomainFacts, job: str) -> Finding:
    return _finding(
        snapshot,
        domain_subject(domain),
        LIKELY,
        f"a job runs on the disks of {domain.name}: {job}",
        f"job {job}",
    )


def _programs(snapshot: Snapshot) -> Iterator[Finding]:
    services: tuple[ServiceMemory, ...] = () if isinstance(snapshot.services, Missing) else snapshot.services
    for service in services:
        if any(word in service.name.lower() for word in BACKUP_WORDS):
            text = f"{service.name} runs on the host"
            yield _finding(snapshot, HOST, POSSIBLE, text, f"{service.name} is pid {service.pid}")


def _finding(snapshot: Snapshot, subject: Subject, confidence: float, summary: str, text: str) -> Finding:
    waits = is_waiting(snapshot.memory.pressure_io)
    return finding(
        ID,
        subject,
        Severity.WARNING if waits else Severity.INFO,
        confidence,
        summary=summary,
        proof=(
            because(text, "libvirt" if subject.kind == "domain" else "proc"),
            *pressure_lines(snapshot.memory.pressure_io, "io"),
        ),
        remedies=REMEDIES,
    )


CAUSE = Cause(
    id=ID,
    title="A backup runs now",
    is_essential=False,
    judged="both",
    examine=examine,
)
