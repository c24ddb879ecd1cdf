"""The QEMU processes of a host: from the collector's list, else from the output of ps in a sosreport."""

from __future__ import annotations

from kvmedic.derive.process_facts import KINDS, derive_process, derive_process_kinds
from kvmedic.derive.ps_listings import derive_ps, is_qemu
from kvmedic.derive.reading import read_with
from kvmedic.model.domain import ProcessFacts
from kvmedic.model.evidence import Evidence
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.record import Record
from kvmedic.parse.ps import PsRow
from kvmedic.parse.qemu_arguments import QemuArguments, parse_qemu_arguments, read_arguments


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
    rows = derive_ps(evidence)
    if isinstance(rows, Missing):
        return rows if KINDS not in evidence.files else kinds
    return tuple(_from_ps(evidence, row) for _, row in sorted(rows.items()) if is_qemu(row))


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
