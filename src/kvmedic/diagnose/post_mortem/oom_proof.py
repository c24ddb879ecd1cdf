"""The lines of an OOM report that prove what it was: who asked, under which constraint, who was killed."""

from __future__ import annotations

from collections.abc import Iterator

from kvmedic.diagnose.post_mortem.actors import is_qemu, task_words, victim_of
from kvmedic.diagnose.post_mortem.said import line_of, proof
from kvmedic.model.case import Happening
from kvmedic.model.finding import Because
from kvmedic.model.log_event import OomReport

_SCOPES = {
    "CONSTRAINT_NONE": "the whole host, not a cgroup limit",
    "CONSTRAINT_MEMCG": "a cgroup's limit, not the host",
    "CONSTRAINT_MEMORY_POLICY": "bound to NUMA nodes by a memory policy",
    "CONSTRAINT_CPUSET": "bound to NUMA nodes by a cpuset",
}


def oom_lines(happening: Happening, report: OomReport) -> Iterator[Because]:
    """Requester, constraint and victim, as far as the report has their lines."""
    if report.requester is not None:
        yield proof(happening, _asked(report), "invoked oom-killer")
    constraint = line_of(happening, "oom-kill:constraint=")
    if report.constraint is not None and "constraint=" in constraint.text:
        yield proof(happening, _SCOPES[report.constraint], "oom-kill:constraint=")
    victim = victim_of(report)
    if victim is not None:
        why = "the kernel chose the biggest" if not report.is_memcg else "chosen inside the group"
        yield proof(happening, f"killed: {why}", f"Killed process {victim.pid}", "Killed ", "Kill process")


def _asked(report: OomReport) -> str:
    order = "" if report.order is None else f", order {report.order}"
    is_victim = any(report.requester is not None and v.pid == report.requester.pid for v in report.victims)
    if is_qemu(task_words(report.requester)):
        who = "a guest asked for memory"
    else:
        who = f"{task_words(report.requester)} asked for memory"
    return f"{who}{order}" + ("" if is_victim else "; it asked, and is not to blame")
