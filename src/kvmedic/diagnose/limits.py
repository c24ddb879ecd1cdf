"""How far a limit that is not RAM is used up: one record for files, aio, locked memory."""

from __future__ import annotations

from collections.abc import Iterator

from kvmedic.diagnose.readings import sysctl_number
from kvmedic.model.domain import DomainFacts
from kvmedic.model.finding import Subject
from kvmedic.model.gap import Missing
from kvmedic.model.record import Record
from kvmedic.model.snapshot import DaemonFacts, Snapshot
from kvmedic.model.subjects import HOST, domain_subject


class LimitUse(Record, frozen=True, kw_only=True):
    """How much of one limit is used; ``what`` is a phrase, ``source`` where it was read."""

    subject: Subject
    what: str
    used: int
    limit: int
    is_bytes: bool
    source: str


def limit_uses(snapshot: Snapshot) -> Iterator[LimitUse | Missing]:
    """Every limit of the host, its daemons and its domains that could be read; a gap where one could not."""
    yield from _host_uses(snapshot)
    if isinstance(snapshot.daemons, Missing):
        yield snapshot.daemons
    else:
        for daemon in snapshot.daemons:
            yield from _daemon_uses(daemon)
    for domain in snapshot.running:
        yield from _domain_uses(domain)


def _host_uses(snapshot: Snapshot) -> Iterator[LimitUse]:
    aio, most = sysctl_number(snapshot, "fs.aio-nr"), sysctl_number(snapshot, "fs.aio-max-nr")
    if aio is not None and most:
        source = "proc/sys/fs/aio-nr"
        yield LimitUse(
            subject=HOST,
            what="asynchronous I/O contexts",
            used=aio,
            limit=most,
            is_bytes=False,
            source=source,
        )
    fields = snapshot.host.sysctls.get("fs.file-nr", "").split()
    if len(fields) == 3 and all(field.isdigit() for field in fields) and int(fields[2]):
        source = "proc/sys/fs/file-nr"
        used, most = int(fields[0]), int(fields[2])
        yield LimitUse(
            subject=HOST, what="open files of the host", used=used, limit=most, is_bytes=False, source=source
        )


def _daemon_uses(daemon: DaemonFacts) -> Iterator[LimitUse | Missing]:
    subject = Subject(kind="daemon", name=daemon.name, id=f"pid {daemon.pid}")
    yield from _open_files(subject, daemon.pid, daemon.open_files, daemon.open_files_limit)


def _domain_uses(domain: DomainFacts) -> Iterator[LimitUse | Missing]:
    process = domain.process
    if isinstance(process, Missing):
        yield process
        return
    subject = domain_subject(domain)
    yield from _open_files(subject, process.pid, process.open_files, process.open_files_limit)
    locked, most = process.locked_bytes, process.locked_limit_bytes
    if isinstance(locked, int) and isinstance(most, int) and locked > 0 and most > 0:
        source = f"proc/{process.pid}/limits"
        yield LimitUse(
            subject=subject, what="locked memory", used=locked, limit=most, is_bytes=True, source=source
        )


def _open_files(
    subject: Subject, pid: int, used: int | Missing, most: int | Missing | None
) -> Iterator[LimitUse | Missing]:
    if isinstance(used, Missing):
        yield used
    elif isinstance(most, Missing):
        yield most
    elif most:
        source = f"proc/{pid}/limits"
        yield LimitUse(
            subject=subject, what="open files", used=used, limit=most, is_bytes=False, source=source
        )
