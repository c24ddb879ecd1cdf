"""storage-stall: a QEMU process waits in the kernel, and so do others for I/O: the storage may not answer.

A state D in one reading may last a millisecond, and I/O pressure may be a backup: both together are a sign,
and from one snapshot no more. Reads that hang behind such a process are named as gaps.
"""

from __future__ import annotations

from kvmedic.diagnose.readings import is_waiting, pressure_lines
from kvmedic.diagnose.verdicts import POSSIBLE, because, cleared, finding, lacking, over_domains
from kvmedic.model.domain import DomainFacts, ProcessFacts
from kvmedic.model.finding import Because, Cause, Finding, Judgement, Severity
from kvmedic.model.gap import Missing
from kvmedic.model.snapshot import Snapshot
from kvmedic.model.subjects import domain_subject

ID = "storage-stall"
REMEDIES: tuple[str, ...] = ()
SURER = 0.5
"""With a kernel stack that names a wait for I/O; still short of likely, since it is one moment."""
IO_WORDS = (
    "io_schedule",
    "nfs",
    "rpc_",
    "blk_",
    "jbd2",
    "xfs_",
    "ext4_",
    "rbd",
    "ceph",
    "fuse",
    "folio_wait",
)
"""Parts of kernel functions in which a task waits for storage."""


def examine(snapshot: Snapshot) -> Judgement:
    """QEMU processes in uninterruptible sleep, with I/O pressure."""
    return over_domains(snapshot, lambda domain: _examine_domain(snapshot, domain))


def _examine_domain(snapshot: Snapshot, domain: DomainFacts) -> Judgement:
    process = domain.process
    if isinstance(process, Missing):
        return lacking(process)
    if process.state != "D":
        return cleared("its process does not wait in the kernel", "proc/PID/stat")
    pressure = snapshot.memory.pressure_io
    gaps = (str(pressure),) if isinstance(pressure, Missing) else ()
    return Judgement(findings=(_present(snapshot, domain, process),), lacking=gaps)


def _present(snapshot: Snapshot, domain: DomainFacts, process: ProcessFacts) -> Finding:
    where = _waits_in(process)
    proof: list[Because] = [because(f"process {process.pid} is in state D", f"proc/{process.pid}/stat")]
    if where is not None:
        proof.append(because(f"it waits in {where}", f"proc/{process.pid}/stack"))
    waits = is_waiting(snapshot.memory.pressure_io)
    return finding(
        ID,
        domain_subject(domain),
        Severity.WARNING if waits else Severity.INFO,
        SURER if where is not None and waits else POSSIBLE,
        summary=f"{domain.name}'s QEMU waits in the kernel at this moment; its storage may not answer",
        proof=(*proof, *_others(snapshot), *pressure_lines(snapshot.memory.pressure_io, "io")),
        remedies=REMEDIES,
    )


def _waits_in(process: ProcessFacts) -> str | None:
    if isinstance(process.kernel_stack, Missing):
        return None
    return next((frame for frame in process.kernel_stack if any(word in frame for word in IO_WORDS)), None)


def _others(snapshot: Snapshot) -> tuple[Because, ...]:
    tasks = snapshot.host.d_state_tasks
    if isinstance(tasks, Missing) or not tasks:
        return ()
    names = ", ".join(sorted(set(tasks))[:5])
    return (because(f"{len(tasks)} tasks in state D: {names}", "kvmedic/process/d_state"),)


CAUSE = Cause(
    id=ID,
    title="The storage may not answer",
    is_essential=False,
    judged="both",
    examine=examine,
)
