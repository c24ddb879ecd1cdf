"""host-reset-unlogged: the host stopped without shutdown, panic or any other word, and booted again.

Power, firmware, hardware, a hypervisor below, or a reset from outside: the logs cannot tell which. A bare
kernel log often misses orderly ends too (syslog stops first), so there it is only possible.
"""

from __future__ import annotations

from kvmedic.diagnose.post_mortem.said import LIKELY, POSSIBLE, WEAK, absent, explained, of_kind, proof
from kvmedic.diagnose.post_mortem.scenes import DEATH, gravity
from kvmedic.diagnose.verdicts import found
from kvmedic.model.case import Case, UnloggedEnd
from kvmedic.model.finding import Judgement, Severity
from kvmedic.model.subjects import HOST
from kvmedic.units import human_seconds

ID = "host-reset-unlogged"
USUAL = 3
"""From so many ends without a word on, a log that holds only the kernel's words is taken to miss them."""


def explain(case: Case) -> Judgement:
    """Boots that ended without a trace."""
    ends = list(of_kind(case.scene, UnloggedEnd))
    if not ends:
        return absent(case, "every boot in this log ended in order, or is still running")
    happening, end = ends[-1]
    gap = (
        ""
        if end.silent_s is None or end.silent_s < 0
        else f"; {human_seconds(end.silent_s)} later it booted again"
    )
    return found(
        explained(
            ID,
            HOST,
            _confidence(case, end),
            summary=f"the host stopped without shutdown or panic{gap}",
            severity=_severity(case, end),
            lines=[proof(happening, "the last line of that boot: no shutdown, no panic behind it")],
        )
    )


def _confidence(case: Case, end: UnloggedEnd) -> float:
    """Lower where the log may miss orderly ends, and where something grave stands just before."""
    others = any(
        gravity(happening.event) == DEATH and not isinstance(happening.event, UnloggedEnd)
        for happening in case.scene
    )
    if others or case.is_guest_log:
        return POSSIBLE
    if end.shows_orderly_ends:
        return LIKELY + 0.08
    return WEAK if _is_usual(case, end) else POSSIBLE + 0.1


def _severity(case: Case, end: UnloggedEnd) -> Severity:
    if end.shows_orderly_ends:
        return Severity.CRITICAL
    return Severity.INFO if _is_usual(case, end) else Severity.WARNING


def _is_usual(case: Case, end: UnloggedEnd) -> bool:
    """Several boots of this log end so: it does not record orderly ends."""
    everything = (*case.before, *case.scene, *case.after)
    alike = [e for _, e in of_kind(everything, UnloggedEnd) if e.lines[0].source == end.lines[0].source]
    return len(alike) >= USUAL
