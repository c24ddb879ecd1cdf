"""management-daemon-leak: a daemon that manages guests holds memory that it never needs.

libvirtd of a few versions leaks (8.0.0 in Ubuntu: LP 2024114; some 11.9+ on certain hardware), until the OOM
killer takes it or a guest. A restart of the daemon leaves the guests running.
"""

from __future__ import annotations

from kvmedic.diagnose.need import memory_need
from kvmedic.diagnose.verdicts import LIKELY, because, cleared, finding, lacking
from kvmedic.model.finding import Cause, Finding, Judgement, Severity, Subject
from kvmedic.model.gap import Missing
from kvmedic.model.snapshot import DaemonFacts, Snapshot
from kvmedic.units import GIB, human_bytes

ID = "management-daemon-leak"
REMEDIES: tuple[str, ...] = ()
LARGE_BYTES = 5 * GIB
"""A healthy libvirtd holds tens of MiB; hotsos reports the known leak from 5 GB."""


def examine(snapshot: Snapshot) -> Judgement:
    """RSS of every management daemon."""
    daemons = snapshot.daemons
    if isinstance(daemons, Missing):
        return lacking(daemons)
    if not daemons:
        return cleared("no management daemon runs here", "proc")
    findings = tuple(_finding(snapshot, daemon) for daemon in daemons if daemon.rss_bytes > LARGE_BYTES)
    if findings:
        return Judgement(findings=findings)
    largest = max(daemons, key=lambda daemon: daemon.rss_bytes)
    return cleared(f"the largest, {largest.name}, holds {human_bytes(largest.rss_bytes)}", "proc/PID/status")


def _finding(snapshot: Snapshot, daemon: DaemonFacts) -> Finding:
    need = memory_need(snapshot)
    held = human_bytes(daemon.rss_bytes)
    return finding(
        ID,
        Subject(kind="daemon", name=daemon.name, id=f"pid {daemon.pid}"),
        Severity.INFO if isinstance(need, Missing) else need.severity(),
        LIKELY,
        summary=f"{daemon.name} holds {held}: restart it (the guests run on)",
        proof=[because(f"RSS of {daemon.name} {held}", f"proc/{daemon.pid}/status")],
        remedies=REMEDIES,
    )


CAUSE = Cause(
    id=ID,
    title="A management daemon leaks memory",
    is_essential=False,
    judged="both",
    examine=examine,
)
