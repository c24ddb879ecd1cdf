"""The QEMU processes of a host: from the collector's list, else from the output of ps in a sosreport."""

from __future__ import annotations

from kvmedic.derive.process_facts import derive_process, derive_process_kinds
from kvmedic.derive.reading import read_with
from kvmedic.model.domain import ProcessFacts
from kvmedic.model.evidence import Evidence
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.record import Record
from kvmedic.parse.ps import PsRow, parse_ps
from kvmedic.parse.qemu_command_line import QemuArguments, parse_qemu_arguments, read_arguments

_PS = "sos_commands/process/ps_"


class QemuProcess(Record, frozen=True, kw_only=True):
    """One QEMU: its arguments reduced to safe keys, what /proc says of it, its RSS by whichever source."""

    pid: int
    state: str | None
    arguments: QemuArguments | Missing
    facts: ProcessFacts | Missing
    rss_bytes: int | Missing


def derive_qemu_processes(evidence: Evidence) -> tuple[QemuProcess, ...] | Missing:
    """All QEMU processes; a gap where neither the collector nor ps listed any process."""
    kinds = derive_process_kinds(evidence)
    if not isinstance(kinds, Missing):
        pids = sorted(pid for pid, kind in kinds.items() if kind == "qemu")
        return tuple(_from_proc(evidence, pid) for pid in pids)
    for path in evidence.paths(_PS):
        rows = read_with(evidence, path, parse_ps)
        found = (
            ()
            if isinstance(rows, Missing)
            else tuple(_from_ps(evidence, row) for row in rows if _is_qemu(row))
        )
        if found:
            return found
    if any(not isinstance(read_with(evidence, path, parse_ps), Missing) for path in evidence.paths(_PS)):
        return ()
    return kinds


def _from_proc(evidence: Evidence, pid: int) -> QemuProcess:
    facts = derive_process(evidence, pid)
    return QemuProcess(
        pid=pid,
        state=None if isinstance(facts, Missing) else facts.state,
        arguments=read_with(evidence, f"kvmedic/process/{pid}/arguments", parse_qemu_arguments),
        facts=facts,
        rss_bytes=facts if isinstance(facts, Missing) else facts.rss_bytes,
    )


def _from_ps(evidence: Evidence, row: PsRow) -> QemuProcess:
    gap = Missing(source="ps", reason=Reason.NOT_FOUND, detail="ps shows no RSS of it")
    return QemuProcess(
        pid=row.pid,
        state=row.state,
        arguments=read_arguments(row.command.split()),
        facts=derive_process(evidence, row.pid),
        rss_bytes=gap if row.rss_bytes is None else row.rss_bytes,
    )


def _is_qemu(row: PsRow) -> bool:
    words = row.command.split()
    program = words[0].rpartition("/")[2] if words else ""
    is_named = program.startswith("qemu-system") or program in {"kvm", "qemu-kvm"}
    return is_named and any(word in {"-name", "-m", "-machine", "-M"} for word in words)
