"""hypervisor-daemon-hung: libvirt's daemon is there and does not answer.

The guests run on; nobody can manage them, and managers that ask with a timeout declare the host failed.
What is shown of the domains then comes from the status XML and the QEMU processes, and may be older.
"""

from __future__ import annotations

from kvmedic.diagnose.verdicts import LIKELY, POSSIBLE, PROVEN, because, cleared, finding, found, lacking
from kvmedic.model.finding import Because, Cause, Judgement, Severity, Subject
from kvmedic.model.gap import Missing
from kvmedic.model.snapshot import DaemonFacts, Snapshot
from kvmedic.model.subjects import HOST

ID = "hypervisor-daemon-hung"
REMEDIES: tuple[str, ...] = ()
HYPERVISOR_DAEMONS = ("libvirtd", "virtqemud")
"""The daemons that manage QEMU: the one of old, and the modular one."""
STUCK_STATES = {"D": "waits in the kernel", "T": "was stopped by a signal", "t": "is stopped by a debugger"}
"""States (proc(5)) in which a daemon cannot answer, whatever it would say."""


def examine(snapshot: Snapshot) -> Judgement:
    """Whether libvirt answered, and if not, in what state its daemon is."""
    libvirt = snapshot.libvirt
    if isinstance(libvirt, Missing):
        return lacking(libvirt)
    if libvirt == "hung":
        return _hung(snapshot)
    if libvirt == "absent":
        return _absent(snapshot)
    return cleared("libvirt answers", "libvirt")


def _hung(snapshot: Snapshot) -> Judgement:
    daemon = _daemon(snapshot)
    stuck = None if daemon is None else STUCK_STATES.get(daemon.state)
    proof: list[Because] = [because("it did not answer within its deadline", "libvirt")]
    if daemon is not None and stuck is not None:
        text = f"{daemon.name} (pid {daemon.pid}) {stuck}: state {daemon.state}"
        proof.append(because(text, f"proc/{daemon.pid}/stat"))
    count = len(snapshot.running)
    guests = f"; {count} running domains were seen through their processes" if count else ""
    return found(
        finding(
            ID,
            _subject(daemon),
            Severity.WARNING,
            PROVEN if stuck is not None else LIKELY,
            summary=f"libvirt does not answer: guests run on and cannot be managed{guests}",
            proof=proof,
            remedies=REMEDIES,
        )
    )


def _absent(snapshot: Snapshot) -> Judgement:
    """Modular daemons end when idle and come when called; a domain of libvirt without any daemon is odd."""
    daemon = _daemon(snapshot)
    if daemon is not None:
        return lacking(f"{daemon.name} (pid {daemon.pid}) runs, and none of its sockets is here to ask it")
    orphans = [domain.name for domain in snapshot.running if domain.source == "status-xml"]
    if not orphans:
        return cleared("no libvirt daemon manages this host", "libvirt")
    text = (
        f"{len(orphans)} domains that libvirt started run, and no daemon of libvirt does: "
        f"{', '.join(orphans[:3])}"
    )
    return found(
        finding(
            ID,
            HOST,
            Severity.INFO,
            POSSIBLE,
            summary="libvirt's domains run, and its daemon does not: it ended, or waits to be called",
            proof=[because(text, "run/libvirt/qemu")],
            remedies=REMEDIES,
        )
    )


def _daemon(snapshot: Snapshot) -> DaemonFacts | None:
    daemons = () if isinstance(snapshot.daemons, Missing) else snapshot.daemons
    return next((daemon for daemon in daemons if daemon.name in HYPERVISOR_DAEMONS), None)


def _subject(daemon: DaemonFacts | None) -> Subject:
    if daemon is None:
        return Subject(kind="daemon", name="libvirt", id=None)
    return Subject(kind="daemon", name=daemon.name, id=f"pid {daemon.pid}")


CAUSE = Cause(
    id=ID,
    title="libvirt's daemon does not answer",
    is_essential=False,
    judged="both",
    examine=examine,
)
