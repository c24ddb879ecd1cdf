"""host-cpu-overcommitted after a failure: a guest's own CPUs locked up, which a host without CPU time to
give causes.

A guest's log cannot tell a starved vCPU from a fault of its own kernel, so this stays possible. Unless the
CPU was in user space or idle: the kernel may take either from its place at any tick, so a CPU that stands
there for 20 s had no ticks (kernel/watchdog.c), which is what a vCPU looks like that was not run.
"""

from __future__ import annotations

from kvmedic.diagnose.post_mortem.said import FAIR, POSSIBLE, absent, explained, of_kind, proof
from kvmedic.diagnose.verdicts import cleared, found
from kvmedic.model.case import Case
from kvmedic.model.finding import Judgement, Severity
from kvmedic.model.log_event import Lockup
from kvmedic.model.subjects import HOST

ID = "host-cpu-overcommitted"
IDLE = frozenset(
    {
        *("default_idle", "default_idle_call", "native_safe_halt", "pv_native_safe_halt", "native_halt"),
        *("mwait_idle", "mwait_idle_with_hints", "intel_idle", "acpi_idle_enter", "acpi_idle_do_entry"),
        *("acpi_safe_halt", "arch_cpu_idle", "cpu_do_idle", "kvm_wait", "pv_native_wait"),
    }
)
"""Functions in which a CPU waits for an interrupt."""


def explain(case: Case) -> Judgement:
    """Lockups of a guest."""
    lockups = list(of_kind(case.scene, Lockup))
    if not lockups:
        return absent(case, "no CPU was locked up or starved")
    if not case.is_guest_log:
        return cleared(
            "the host's own CPUs were locked up, not those of a guest alone",
            lockups[0][0].event.lines[0].source,
        )
    starved = [happening for happening, lockup in lockups if was_not_run(lockup)]
    if starved:
        summary = "the guest's CPUs were not run for a while: its host gave them no time, or had stopped it"
        lines = [
            proof(happening, "in user space or idle, where no CPU locks up") for happening in starved[:3]
        ]
        return found(explained(ID, HOST, FAIR + 0.05, summary=summary, lines=lines))
    summary = "the guest's CPUs did not run for a while: its host may have given them no time"
    lines = [proof(happening, "no time for this CPU") for happening, _ in lockups[:3]]
    return found(explained(ID, HOST, POSSIBLE, summary=summary, lines=lines, severity=Severity.WARNING))


def was_not_run(lockup: Lockup) -> bool:
    """Whether the CPU stood where no code of the kernel can have held it."""
    return lockup.kind == "soft" and (lockup.is_in_user_mode or lockup.instruction in IDLE)
