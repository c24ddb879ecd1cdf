"""Whether a domain runs, and in which state, by libvirt's words or, without libvirt, by its process.

Reasons are spelled as in libvirt's status XML (conf/domain_conf.c, virDomain…ReasonType), also where libvirt
gives their numbers (virConnectGetAllDomainStats): "ioerror", "user", "watchdog", "post-copy", …
"""

from __future__ import annotations

from typing import NamedTuple

from kvmedic.derive.libvirt_domains import LibvirtDomain
from kvmedic.derive.qemu_processes import QemuProcess
from kvmedic.model.gap import Missing
from kvmedic.parse.domstats import whole_number

STATES = ("no state", "running", "idle", "paused", "in shutdown", "shut off", "crashed", "pmsuspended")
_STATUS_WORDS = {"shutdown": "in shutdown", "shutoff": "shut off", "blocked": "idle", "nostate": "no state"}
_ACTIVE = frozenset({"no state", "running", "idle", "paused", "in shutdown", "pmsuspended"})
_REASONS: dict[str, tuple[str, ...]] = {
    "running": (
        *("unknown", "booted", "migrated", "restored", "from snapshot", "unpaused", "migration canceled"),
        *("save canceled", "wakeup", "crashed", "post-copy", "post-copy failed"),
    ),
    "paused": (
        *("unknown", "user", "migration", "save", "dump", "ioerror", "watchdog", "from snapshot", "shutdown"),
        *("snapshot", "panicked", "starting up", "post-copy", "post-copy failed", "api error"),
    ),
    "in shutdown": ("unknown", "user"),
    "shut off": (
        *("unknown", "shutdown", "destroyed", "crashed", "migrated", "saved", "failed", "from snapshot"),
        "daemon",
    ),
    "crashed": ("unknown", "panicked"),
}
_STOPPED = frozenset({"T", "t"})


class DomainState(NamedTuple):
    """``word`` as virsh prints it; ``is_running``: a QEMU holds memory for it, paused or not."""

    word: str
    reason: str | None
    is_running: bool


def derive_domain_state(
    domain: LibvirtDomain | None, process: QemuProcess | None, *, are_processes_known: bool
) -> DomainState:
    """The state by the best source there is. ``are_processes_known``: a list of all processes was read."""
    if domain is None:
        return _of_process(process)
    answered = _by_libvirt(domain)
    if answered is not None:
        return answered
    if domain.status is not None and (process is not None or not are_processes_known):
        word = _STATUS_WORDS.get(domain.status.state, domain.status.state)
        return DomainState(word, domain.status.reason, word in _ACTIVE)
    if process is not None:
        return _of_process(process)
    if are_processes_known:
        return DomainState("shut off", "no QEMU process runs for it", is_running=False)
    return DomainState("unknown", "neither libvirt nor a list of processes was read", is_running=False)


def _by_libvirt(domain: LibvirtDomain) -> DomainState | None:
    """From domstats, else dominfo, else the list, else from which definitions libvirt printed."""
    number = None if isinstance(domain.stats, Missing) else whole_number(domain.stats, "state.state")
    if number is not None and number < len(STATES) and not isinstance(domain.stats, Missing):
        word = STATES[number]
        code = whole_number(domain.stats, "state.reason")
        reasons = _REASONS.get(word, ())
        reason = reasons[code] if code is not None and code < len(reasons) else None
        return DomainState(word, reason, word in _ACTIVE)
    listed = (domain.info and domain.info.state) or domain.listed_state
    if listed:
        return DomainState(listed, None, listed in _ACTIVE)
    return DomainState("running", None, is_running=True) if domain.live is not None else None


def _of_process(process: QemuProcess | None) -> DomainState:
    """A QEMU that is there runs, as far as one sees from outside; whether its guest does is another thing."""
    if process is None or process.state == "Z":
        return DomainState("dead", "its process has ended", is_running=False)
    if process.state in _STOPPED:
        return DomainState("stopped", "a signal stopped its process", is_running=True)
    return DomainState("running", None, is_running=True)
