"""host-panic: the host's kernel panicked; the text behind "not syncing" names what set it off.

Where another cause is behind it (a bug, a lockup, hardware, storage), that cause stands first and this one
tells how it became a panic: a setting such as panic_on_oom turns one kill into the end of all guests.
"""

from __future__ import annotations

from kvmedic.diagnose.post_mortem.said import CERTAIN, LIKELY, POSSIBLE, absent, explained, of_kind, proof
from kvmedic.diagnose.verdicts import found
from kvmedic.model.case import Case
from kvmedic.model.finding import Judgement
from kvmedic.model.log_event import KernelFault
from kvmedic.model.subjects import HOST

ID = "host-panic"
_WHY = {
    "oom": "memory ran out and panic_on_oom is set: without it one process would have been killed",
    "no-killable-task": "memory ran out and no process could be killed",
    "hung-task": "a task hung and hung_task_panic is set",
    "soft-lockup": "a CPU was locked up and softlockup_panic is set",
    "hard-lockup": "a CPU took no interrupts",
    "rcu-stall": "RCU waited too long and panic_on_rcu_stall is set",
    "warning": "the kernel warned and panic_on_warn is set",
    "machine-check": "the hardware reported an error that cannot be survived",
    "nmi": "a non-maskable interrupt came: hardware, a watchdog, or an operator's button",
    "sysrq": "somebody set it off by hand (SysRq-c)",
    "oops": "the kernel met a fault and panic_on_oops is set, or it was in an interrupt",
    "init-died": "the first process died",
    "watchdog": "a watchdog ran out",
    "mount": "a file system could not be used",
    "other": "its text says why",
}
_BEHIND = frozenset({"hung-task", "soft-lockup", "hard-lockup", "rcu-stall", "machine-check", "oops"})
"""What sets off a panic and is a cause of its own, whether its lines were kept or not."""


def explain(case: Case) -> Judgement:
    """The panic of the scene, by the words of the first of them."""
    panics = [pair for pair in of_kind(case.scene, KernelFault) if pair[1].kind == "panic"]
    if not panics:
        return absent(case, "the kernel did not panic")
    happening, panic = panics[0]
    why = panic.set_off_by or "other"
    return found(
        explained(
            ID,
            HOST,
            _confidence(case, why),
            summary=f"the host's kernel panicked: {_WHY.get(why, _WHY['other'])}",
            lines=[proof(happening, _WHY.get(why, _WHY["other"]), "Kernel panic")],
        )
    )


def _confidence(case: Case, why: str) -> float:
    if case.is_guest_log:
        return POSSIBLE
    if why in _BEHIND or why in ("init-died", "mount", "other"):
        return LIKELY + 0.05
    return CERTAIN - 0.01
