"""A process as /proc shows it: memory, limits, state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from kvmedic.derive.ps_listings import derive_ps, is_kernel_thread
from kvmedic.derive.reading import read_with
from kvmedic.model.domain import ProcessFacts
from kvmedic.model.evidence import Evidence
from kvmedic.model.gap import Missing, Reason
from kvmedic.parse.number import parse_number
from kvmedic.parse.process_kinds import parse_process_kinds
from kvmedic.parse.process_limits import parse_process_limits
from kvmedic.parse.process_status import parse_process_stat, parse_process_status

KINDS = "kvmedic/process/kinds"
OTHERS = "kvmedic/process/others"
Fact = TypeVar("Fact", int, str)


def derive_process_kinds(evidence: Evidence) -> Mapping[int, str] | Missing:
    """What the collector said each process is: "qemu", "daemon NAME", "service"."""
    return read_with(evidence, KINDS, parse_process_kinds)


def hidden_processes(evidence: Evidence) -> Missing | None:
    """The gap of the processes that were hidden from whoever read the host; None where none were.

    In a sosreport a listing without any kernel thread tells: it was made in a container.
    """
    gap = evidence.files.get(OTHERS)
    if isinstance(gap, Missing):
        return gap
    rows = {} if KINDS in evidence.files else derive_ps(evidence)
    if isinstance(rows, Missing) or not rows or any(map(is_kernel_thread, rows.values())):
        return None
    detail = "only the processes of a container are listed"
    return Missing(source=OTHERS, reason=Reason.DENIED, detail=detail)


def derive_process(evidence: Evidence, pid: int) -> ProcessFacts | Missing:
    """The facts of one process; a gap where its status or stat was not read (it may just have ended)."""
    status = read_with(evidence, f"proc/{pid}/status", parse_process_status)
    stat = read_with(evidence, f"proc/{pid}/stat", parse_process_stat)
    if isinstance(status, Missing):
        return status
    if isinstance(stat, Missing):
        return stat
    source = f"proc/{pid}/status"
    limits = read_with(evidence, f"proc/{pid}/limits", parse_process_limits)
    return ProcessFacts(
        pid=pid,
        start_ticks=stat.start_ticks,
        state=status.state,
        rss_bytes=status.rss_bytes or 0,
        rss_anon_bytes=_or_gap(status.rss_anon_bytes, source, "RssAnon"),
        rss_shmem_bytes=_or_gap(status.rss_shmem_bytes, source, "RssShmem"),
        swap_bytes=_or_gap(status.swap_bytes, source, "VmSwap"),
        locked_bytes=_or_gap(status.locked_bytes, source, "VmLck"),
        hugetlb_bytes=_or_gap(status.hugetlb_bytes, source, "HugetlbPages"),
        page_tables_bytes=_or_gap(status.page_tables_bytes, source, "VmPTE"),
        threads=status.threads or 0,
        oom_score_adj=read_with(evidence, f"proc/{pid}/oom_score_adj", parse_number),
        open_files=read_with(evidence, f"kvmedic/process/{pid}/open_files", parse_number),
        open_files_limit=_limit(limits, pid, "Max open files"),
        locked_limit_bytes=_limit(limits, pid, "Max locked memory"),
        numa_nodes_allowed=_or_gap(status.numa_nodes_allowed, source, "Mems_allowed_list"),
        kernel_stack=read_with(evidence, f"kvmedic/process/{pid}/stack", _stack),
    )


def _stack(text: str, _: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.split("\n") if line.strip())


def _or_gap(fact: Fact | None, source: str, row: str) -> Fact | Missing:
    if fact is not None:
        return fact
    return Missing(source=source, reason=Reason.NOT_FOUND, detail=f"no row {row}")


def _limit(limits: Mapping[str, int | None] | Missing, pid: int, name: str) -> int | Missing | None:
    if isinstance(limits, Missing):
        return limits
    if name in limits:
        return limits[name]
    return Missing(source=f"proc/{pid}/limits", reason=Reason.NOT_FOUND, detail=f"no row {name}")
