"""host-cpu-overcommitted after a failure: a guest's own CPUs locked up, which a host without CPU time to
give causes.

A guest's log cannot tell a starved vCPU from a fault of its own kernel, so this stays possible.
"""

from __future__ import annotations

from kvmedic.diagnose.post_mortem.said import POSSIBLE, absent, explained, of_kind, proof
from kvmedic.diagnose.verdicts import cleared, found
from kvmedic.model.case import Case
from kvmedic.model.finding import Judgement, Severity
from kvmedic.model.log_event import Lockup
from kvmedic.model.subjects import HOST

ID = "host-cpu-overcommitted"


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
    summary = "the guest's CPUs did not run for a while: its host may have given them no time"
    lines = [proof(happening, "no time for this CPU") for happening, _ in lockups[:3]]
    return found(explained(ID, HOST, POSSIBLE, summary=summary, lines=lines, severity=Severity.WARNING))
