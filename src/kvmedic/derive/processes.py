"""Daemons that manage guests, other processes that use much memory, and whether libvirt answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

from kvmedic.derive.process_facts import KINDS, derive_process, derive_process_kinds
from kvmedic.derive.reading import read_with
from kvmedic.model.domain import ProcessFacts
from kvmedic.model.evidence import Evidence
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.snapshot import DaemonFacts, ServiceMemory
from kvmedic.parse.number import parse_word
from kvmedic.parse.process_status import parse_process_stat

LIBVIRT_STATE = "kvmedic/libvirt/state"
_DAEMON = "daemon "


def derive_daemons(evidence: Evidence) -> tuple[DaemonFacts, ...] | Missing:
    """The management daemons; a gap where no processes were listed. One that has just ended is left out."""
    kinds = derive_process_kinds(evidence)
    if isinstance(kinds, Missing):
        return kinds
    named = {pid: kind.removeprefix(_DAEMON) for pid, kind in kinds.items() if kind.startswith(_DAEMON)}
    return tuple(_daemon(named[facts.pid], facts) for facts in _facts(evidence, named))


def derive_services(evidence: Evidence) -> tuple[ServiceMemory, ...] | Missing:
    """Other processes with much memory, as the collector chose them, the largest first."""
    kinds = derive_process_kinds(evidence)
    if isinstance(kinds, Missing):
        return kinds
    pids = [pid for pid, kind in kinds.items() if kind == "service"]
    found = (_service(evidence, facts) for facts in _facts(evidence, pids))
    return tuple(sorted(found, key=lambda service: -service.rss_bytes))


def derive_libvirt_state(evidence: Evidence) -> Literal["answers", "hung", "absent"] | Missing:
    """The first word of the collector's row; what ``virsh`` printed in a sosreport is an answer too."""
    row = read_with(evidence, LIBVIRT_STATE, parse_word)
    if isinstance(row, Missing):
        return "answers" if _was_asked(evidence) else row
    words: tuple[Literal["answers", "hung", "absent"], ...] = ("answers", "hung", "absent")
    for word in words:
        if row.split(" ", 1)[0] == word:
            return word
    return Missing(source=LIBVIRT_STATE, reason=Reason.NOT_UNDERSTOOD, detail=row[:80])


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
