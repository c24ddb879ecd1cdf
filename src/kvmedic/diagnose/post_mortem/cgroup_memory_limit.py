"""cgroup-memory-limit after a failure: the kernel killed, refused or throttled inside a cgroup at its limit.

mm/memcontrol.c: at memory.max it kills in the group while the host has memory; at memory.high it puts tasks
to sleep. A slab failure that names a cgroup's own cache is the same limit.
"""

from __future__ import annotations

from kvmedic.diagnose.post_mortem.actors import (
    domain,
    is_qemu,
    task_subject,
    victim_subject,
    victim_words,
)
from kvmedic.diagnose.post_mortem.hungs import hung_finding
from kvmedic.diagnose.post_mortem.management_daemon_leak import leaking_daemon
from kvmedic.diagnose.post_mortem.oom_kinds import any_ooms, ooms_of
from kvmedic.diagnose.post_mortem.oom_proof import oom_lines
from kvmedic.diagnose.post_mortem.said import CERTAIN, FAIR, LIKELY, SURE, absent, explained, of_kind, proof
from kvmedic.diagnose.verdicts import found
from kvmedic.model.case import Case, Happening
from kvmedic.model.finding import Because, Finding, Judgement, Severity, Subject
from kvmedic.model.log_event import OomReport, SlubFailure, Throttled
from kvmedic.model.subjects import HOST
from kvmedic.units import human_bytes

ID = "cgroup-memory-limit"
REMEDIES = ("raise-cgroup-limit", "migrate-domain")


def explain(case: Case) -> Judgement:
    """OOM kills of a cgroup; else throttling at memory.high; else a cgroup's own slab cache."""
    ooms = ooms_of(case, "cgroup")
    if ooms:
        return found(_killed(*ooms[-1]))
    for happening, event in of_kind(case.scene, Throttled):
        if event.kind == "memory-high":
            return found(_throttled(happening, event))
    hung = hung_finding(ID, case, "cgroup", waited_for="a cgroup to get below its limit", remedies=REMEDIES)
    if hung is not None:
        return found(hung)
    for happening, slub in of_kind(case.scene, SlubFailure):
        if slub.memcg_cache is not None:
            return found(_refused(happening, slub))
    for happening, report in any_ooms(case):
        if report.constraint is not None:
            text = f"{report.constraint}: no cgroup's limit was the reason"
            return Judgement(refuted=(proof(happening, text, "constraint="),))
    return absent(case, "no cgroup ran into its limit")


def _killed(happening: Happening, report: OomReport) -> Finding:
    is_ours = happening.domain is not None or any(is_qemu(victim.comm) for victim in report.victims)
    return explained(
        ID,
        victim_subject(happening, report),
        _confidence(report),
        summary=f"the kernel killed {victim_words(happening, report)} because its cgroup reached its memory "
        "limit; the host had memory",
        lines=(*_limit(happening, report), *oom_lines(happening, report)),
        severity=Severity.CRITICAL if is_ours else Severity.WARNING,
        remedies=REMEDIES,
    )


def _confidence(report: OomReport) -> float:
    """A daemon that leaks would meet any limit: then the limit is not the cause."""
    if leaking_daemon(report) is not None:
        return FAIR
    if not report.victims:
        return LIKELY
    return CERTAIN if report.constraint == "CONSTRAINT_MEMCG" else SURE


def _limit(happening: Happening, report: OomReport) -> tuple[Because, ...]:
    memcg = report.memcg
    if memcg is None:
        return ()
    name = memcg.oom_memcg or "the group"
    if memcg.limit_bytes is None:
        return (proof(happening, f"the limit of {name}", "oom_memcg", "as a result of limit"),)
    used = "" if memcg.usage_bytes is None else f"usage {human_bytes(memcg.usage_bytes)}, "
    text = f"{name}: {used}limit {human_bytes(memcg.limit_bytes)}"
    return (proof(happening, text, "oom_memcg", "as a result of limit", "usage"),)


def _throttled(happening: Happening, event: Throttled) -> Finding:
    subject: Subject = HOST if happening.domain is None else domain(happening.domain)
    return explained(
        ID,
        subject,
        LIKELY,
        summary="the kernel put the tasks of a cgroup to sleep because it is above memory.high",
        lines=[proof(happening, "throttled at memory.high: the guest seems to hang, nothing is killed")],
        remedies=REMEDIES,
    )


def _refused(happening: Happening, event: SlubFailure) -> Finding:
    return explained(
        ID,
        task_subject(happening, None),
        FAIR + 0.1,
        summary="an allocation was refused inside one cgroup, at its own limit for kernel memory",
        lines=[
            proof(happening, f"{event.memcg_cache} is one cgroup's own cache; the host is fine", "cache:")
        ],
        severity=Severity.WARNING,
        remedies=REMEDIES,
    )
