"""Daemons that manage guests, other processes that use much memory, and whether libvirt answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

from kvmedic.derive.process_facts import KINDS, derive_process, derive_process_kinds, hidden_processes
from kvmedic.derive.ps_listings import daemon_of, derive_ps, program_of, services_of
from kvmedic.derive.reading import read_with
from kvmedic.model.domain import ProcessFacts
from kvmedic.model.evidence import Evidence
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.snapshot import DaemonFacts, ServiceMemory
from kvmedic.parse.number import parse_word
from kvmedic.parse.process_status import parse_process_stat

LIBVIRT_STATE = "kvmedic/libvirt/state"
_DAEMON = "daemon "
_LIBVIRT_DAEMONS = frozenset({"libvirtd", "virtqemud"})


def derive_daemons(evidence: Evidence) -> tuple[DaemonFacts, ...] | Missing:
    """The management daemons; a gap where no processes were listed. One that has just ended is left out."""
    kinds = derive_process_kinds(evidence)
    if isinstance(kinds, Missing):
        return _daemons_of_ps(evidence)
    named = {pid: kind.removeprefix(_DAEMON) for pid, kind in kinds.items() if kind.startswith(_DAEMON)}
    found = tuple(_daemon(named[facts.pid], facts) for facts in _facts(evidence, named))
    return found or hidden_processes(evidence) or ()


def derive_services(evidence: Evidence) -> tuple[ServiceMemory, ...] | Missing:
    """Other processes with much memory, as the collector chose them, the largest first."""
    kinds = derive_process_kinds(evidence)
    if isinstance(kinds, Missing):
        return _services_of_ps(evidence)
    pids = [pid for pid, kind in kinds.items() if kind == "service"]
    found = (_service(evidence, facts) for facts in _facts(evidence, pids))
    services = tuple(sorted(found, key=lambda service: -service.rss_bytes))
    return services or hidden_processes(evidence) or ()


def derive_libvirt_state(evidence: Evidence) -> Literal["answers", "hung", "absent"] | Missing:
    """The first word of the collector's row; what ``virsh`` printed in a sosreport is an answer too.

    In a sosreport whose listing of processes shows no daemon of libvirt, there was none.
    """
    row = read_with(evidence, LIBVIRT_STATE, parse_word)
    if isinstance(row, Missing):
        return _state_in_sosreport(evidence)
    words: tuple[Literal["answers", "hung", "absent"], ...] = ("answers", "hung", "absent")
    if row.startswith("absent") and (hidden := hidden_processes(evidence)):
        return hidden
    for word in words:
        if row.split(" ", 1)[0] == word:
            return word
    return Missing(source=LIBVIRT_STATE, reason=Reason.NOT_UNDERSTOOD, detail=row[:80])


def _state_in_sosreport(evidence: Evidence) -> Literal["answers", "absent"] | Missing:
    if _was_asked(evidence):
        return "answers"
    if KINDS in evidence.files:
        return Missing(source="libvirt", reason=Reason.NOT_COLLECTED, detail="it was not asked")
    daemons = _daemons_of_ps(evidence)
    if isinstance(daemons, Missing):
        return daemons
    running = [daemon.name for daemon in daemons if daemon.name in _LIBVIRT_DAEMONS]
    if not running:
        return hidden_processes(evidence) or "absent"
    detail = f"{running[0]} runs, and nothing of what it says was collected"
    return Missing(source="libvirt", reason=Reason.NOT_COLLECTED, detail=detail)


def _daemons_of_ps(evidence: Evidence) -> tuple[DaemonFacts, ...] | Missing:
    rows = derive_ps(evidence)
    if isinstance(rows, Missing):
        return rows
    files = Missing(source="open files", reason=Reason.NOT_COLLECTED, detail="ps does not count them")
    found = tuple(
        DaemonFacts(
            name=name,
            pid=row.pid,
            state=row.state or "?",
            rss_bytes=row.rss_bytes or 0,
            open_files=files,
            open_files_limit=files,
        )
        for row in rows.values()
        if (name := daemon_of(row)) is not None
    )
    return found or hidden_processes(evidence) or ()


def _services_of_ps(evidence: Evidence) -> tuple[ServiceMemory, ...] | Missing:
    rows = derive_ps(evidence)
    if isinstance(rows, Missing):
        return rows
    swap = Missing(source="swap", reason=Reason.NOT_COLLECTED, detail="ps does not show it")
    services = tuple(
        ServiceMemory(name=program_of(row), pid=row.pid, rss_bytes=row.rss_bytes or 0, swap_bytes=swap)
        for row in services_of(rows.values())
    )
    return services or hidden_processes(evidence) or ()


def _was_asked(evidence: Evidence) -> bool:
    listings = ("sos_commands/virsh/virsh_-r_list_--all", "sos_commands/virsh/virsh_-r_domstats")
    return KINDS not in evidence.files and any(isinstance(evidence.read(path), bytes) for path in listings)


def _facts(evidence: Evidence, pids: Iterable[int]) -> Iterator[ProcessFacts]:
    for pid in pids:
        facts = derive_process(evidence, pid)
        if not isinstance(facts, Missing):
            yield facts


def _daemon(name: str, facts: ProcessFacts) -> DaemonFacts:
    return DaemonFacts(
        name=name,
        pid=facts.pid,
        state=facts.state,
        rss_bytes=facts.rss_bytes,
        open_files=facts.open_files,
        open_files_limit=facts.open_files_limit,
    )


def _service(evidence: Evidence, facts: ProcessFacts) -> ServiceMemory:
    stat = read_with(evidence, f"proc/{facts.pid}/stat", parse_process_stat)
    name = f"process {facts.pid}" if isinstance(stat, Missing) else stat.name
    return ServiceMemory(name=name, pid=facts.pid, rss_bytes=facts.rss_bytes, swap_bytes=facts.swap_bytes)
