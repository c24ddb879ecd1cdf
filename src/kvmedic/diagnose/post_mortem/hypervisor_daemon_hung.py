"""hypervisor-daemon-hung after a failure: libvirt's daemon stopped answering while its guests ran on.

Its own words (a state change lock that is held, keepalives that were missed), or the kernel's: a hung
libvirtd. A monitor that does not answer is a stuck QEMU, often behind storage.
"""

from __future__ import annotations

from kvmedic.diagnose.post_mortem.actors import domain, is_daemon
from kvmedic.diagnose.post_mortem.said import FAIR, LIKELY, POSSIBLE, absent, explained, of_kind, proof
from kvmedic.diagnose.post_mortem.scenes import DEATH, gravity
from kvmedic.diagnose.verdicts import found
from kvmedic.model.case import Case
from kvmedic.model.finding import Because, Judgement, Severity
from kvmedic.model.log_event import HungTask, LibvirtEvent
from kvmedic.model.subjects import HOST

ID = "hypervisor-daemon-hung"
_MEANINGS = {
    "state-lock-timeout": "a call waited 30 s for another that never ended",
    "monitor-unresponsive": "QEMU's monitor does not answer libvirt",
    "keepalive-timeout": "the daemon did not answer keepalives",
    "clients-limit": "the daemon has no room for more clients",
    "service-failed": "the service manager found the daemon failed",
}


def explain(case: Case) -> Judgement:
    """Words of a hung daemon, and hung daemons by the kernel's."""
    said = [p for p in of_kind(case.scene, LibvirtEvent) if p[1].kind in _MEANINGS]
    hung = [p for p in of_kind(case.scene, HungTask) if is_daemon(p[1].task.comm)]
    if not said and not hung:
        return absent(case, "libvirt's daemon complained of nothing", "daemons")
    name = next((h.domain or e.domain for h, e in said if h.domain or e.domain), None)
    lines: list[Because] = [proof(h, _MEANINGS[e.kind]) for h, e in said[:4]]
    lines += [proof(h, f"{e.task.comm} hung in the kernel", "blocked") for h, e in hung[:2]]
    return found(
        explained(
            ID,
            HOST if name is None else domain(name),
            _confidence(case, is_hung=bool(hung), count=len(said)),
            summary="libvirt's daemon did not answer: the guests may run on, and nobody can manage them",
            lines=lines,
            severity=Severity.CRITICAL,
        )
    )


def _confidence(case: Case, *, is_hung: bool, count: int) -> float:
    graver = any(
        gravity(h.event) == DEATH and not (isinstance(h.event, HungTask) and is_daemon(h.event.task.comm))
        for h in case.scene
    )
    if graver:
        return POSSIBLE
    return LIKELY + 0.05 if is_hung or count > 1 else FAIR + 0.05
