"""The host's other processes that matter: management daemons, big services, and whether libvirt answers."""

from __future__ import annotations

from typing import Literal

from kvmedic.derive.processes import derive_process, derive_process_kinds
from kvmedic.derive.reading import read_with
from kvmedic.model.evidence import Evidence
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.snapshot import DaemonFacts, ServiceMemory
from kvmedic.parse.process_status import parse_process_status

LIBVIRT_STATE = "kvmedic/libvirt/state"
LibvirtState = Literal["answers", "hung", "absent"]
STATES: dict[str, LibvirtState] = {"answers": "answers", "hung": "hung", "absent": "absent"}
DAEMON = "daemon "


def derive_daemons(evidence: Evidence) -> tuple[DaemonFacts, ...] | Missing:
    """libvirtd, virtqemud and their kin; a gap where no processes were listed."""
    kinds = derive_process_kinds(evidence)
    if isinstance(kinds, Missing):
        return kinds
    named = (
        (pid, kind.removeprefix(DAEMON)) for pid, kind in sorted(kinds.items()) if kind.startswith(DAEMON)
    )
    daemons = (_daemon(evidence, pid, name) for pid, name in named)
    return tuple(daemon for daemon in daemons if daemon is not None)


def _daemon(evidence: Evidence, pid: int, name: str) -> DaemonFacts | None:
    facts = derive_process(evidence, pid)
    if isinstance(facts, Missing):
        return None
    return DaemonFacts(
        name=name,
        pid=pid,
        state=facts.state,
        rss_bytes=facts.rss_bytes,
        open_files=facts.open_files,
        open_files_limit=facts.open_files_limit,
    )


def derive_services(evidence: Evidence) -> tuple[ServiceMemory, ...] | Missing:
    """The biggest processes that are neither a QEMU nor a daemon of libvirt, largest first."""
    kinds = derive_process_kinds(evidence)
    if isinstance(kinds, Missing):
        return kinds
    services = (_service(evidence, pid) for pid, kind in kinds.items() if kind == "service")
    return tuple(sorted((s for s in services if s is not None), key=lambda service: -service.rss_bytes))


def _service(evidence: Evidence, pid: int) -> ServiceMemory | None:
    source = f"proc/{pid}/status"
    status = read_with(evidence, source, parse_process_status)
    if isinstance(status, Missing) or status.rss_bytes is None:
        return None
    no_row = Missing(source=source, reason=Reason.NOT_FOUND, detail="no row VmSwap")
    swap = no_row if status.swap_bytes is None else status.swap_bytes
    return ServiceMemory(name=status.name, pid=pid, rss_bytes=status.rss_bytes, swap_bytes=swap)


def derive_libvirt_state(evidence: Evidence) -> LibvirtState | Missing:
    """Whether libvirt answers, hangs or is not here, as the collector found it."""
    raw = evidence.read(LIBVIRT_STATE)
    if isinstance(raw, Missing):
        return raw
    word = raw.decode(errors="replace").split(" ", 1)[0].strip()
    if word in STATES:
        return STATES[word]
    return Missing(source=LIBVIRT_STATE, reason=Reason.NOT_UNDERSTOOD, detail=f"not a state: {word[:40]}")
