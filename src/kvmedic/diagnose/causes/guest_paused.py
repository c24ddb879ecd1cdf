"""guest-paused: a guest stands still because somebody or something paused it, and its memory is not to blame.

QEMU pauses a guest on a disk error (a full disk above all), on an internal error of KVM, and by a watchdog; a
person pauses one and forgets it; a stopped QEMU process (SIGSTOP) looks "running" to libvirt.
"""

from __future__ import annotations

from kvmedic.diagnose.verdicts import LIKELY, PROVEN, because, cleared, finding, found, joined, lacking
from kvmedic.model.domain import DomainFacts
from kvmedic.model.finding import Because, Cause, Judgement, Severity
from kvmedic.model.gap import Missing
from kvmedic.model.snapshot import Snapshot
from kvmedic.model.subjects import domain_subject

ID = "guest-paused"
REMEDIES: tuple[str, ...] = ()
STOPPED_STATES = ("T", "t")
"""States of a process that was stopped by a signal or a debugger (proc(5))."""
PAUSED_WORDS = ("paused", "crashed", "pmsuspended", "suspended")
ERROR_WORDS = ("error", "crash", "watchdog", "internal", "failed", "panic")
"""Parts of libvirt's reasons (virDomainPausedReason) that no person chose."""
PASSING_WORDS = ("migrat", "sav", "snapshot", "dump", "starting", "shutdown", "post-copy")
"""Parts of reasons that end by themselves."""


def examine(snapshot: Snapshot) -> Judgement:
    """The state of every domain, and of the process behind it."""
    if isinstance(snapshot.domains, Missing):
        return lacking(snapshot.domains)
    suspects = [domain for domain in snapshot.domains if domain.is_running or _is_paused(domain)]
    if not suspects:
        return cleared("no domain is running or paused", "kvmedic/process/kinds")
    judged = joined(_examine_domain(domain) for domain in suspects)
    if not judged.refuted:
        return judged
    return cleared(
        f"none of {len(suspects)} active domains is paused, and no QEMU process is stopped", "libvirt"
    )


def _is_paused(domain: DomainFacts) -> bool:
    return any(word in domain.state.lower() for word in PAUSED_WORDS)


def _examine_domain(domain: DomainFacts) -> Judgement:
    if not isinstance(domain.process, Missing) and domain.process.state in STOPPED_STATES:
        text = (
            f"process {domain.process.pid} is in state {domain.process.state}: a signal or a debugger "
            "stopped it"
        )
        proof = because(text, f"proc/{domain.process.pid}/stat")
        return _present(domain, Severity.CRITICAL, PROVEN, "its QEMU process is stopped", proof)
    if _is_paused(domain):
        return _judge_reason(domain)
    if isinstance(domain.process, Missing) and domain.source != "libvirt":
        return lacking(domain.process)
    return cleared("it runs", "libvirt")


def _judge_reason(domain: DomainFacts) -> Judgement:
    reason = "" if isinstance(domain.state_reason, Missing) else domain.state_reason.lower()
    words = f"{domain.state} ({reason or 'reason unknown'})"
    proof = because(f"state {words}", "libvirt")
    confidence = PROVEN if domain.source == "libvirt" else LIKELY
    if "crashed" in domain.state.lower() or any(word in reason for word in ERROR_WORDS):
        return _present(domain, Severity.CRITICAL, confidence, f"it is {words}", proof)
    is_passing = any(word in reason for word in PASSING_WORDS)
    tail = ", which ends by itself" if is_passing else ""
    return _present(domain, Severity.INFO, confidence, f"it is {words}{tail}", proof)


def _present(
    domain: DomainFacts, severity: Severity, confidence: float, why: str, proof: Because
) -> Judgement:
    return found(
        finding(
            ID,
            domain_subject(domain),
            severity,
            confidence,
            summary=f"{domain.name} stands still: {why}",
            proof=[proof],
            remedies=REMEDIES,
        )
    )


CAUSE = Cause(
    id=ID,
    title="A guest is paused",
    is_essential=False,
    judged="both",
    examine=examine,
)
