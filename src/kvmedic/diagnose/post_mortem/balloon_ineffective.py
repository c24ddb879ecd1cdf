"""balloon-ineffective after a failure: QEMU warned that its guest's memory cannot be given back by the
balloon.
"""

from __future__ import annotations

from kvmedic.diagnose.post_mortem.actors import domain
from kvmedic.diagnose.post_mortem.oom_kinds import ooms_of
from kvmedic.diagnose.post_mortem.said import FAIR, LIKELY, absent, explained, of_kind, proof
from kvmedic.diagnose.verdicts import found
from kvmedic.model.case import Case
from kvmedic.model.finding import Judgement, Severity
from kvmedic.model.log_event import BalloonEvent
from kvmedic.model.subjects import HOST

ID = "balloon-ineffective"
REMEDIES = ("deflate-balloon", "pin-memory", "disable-balloon")


def explain(case: Case) -> Judgement:
    """The warning of QEMU about its backing pages, in this boot or before."""
    warned = [
        pair
        for pair in of_kind((*case.before, *case.scene), BalloonEvent)
        if pair[1].kind == "backing-page-warning"
    ]
    if not warned:
        return absent(case, "QEMU gave no warning of a balloon on large pages", "qemu")
    happening, _ = warned[-1]
    is_short = bool(ooms_of(case, "shortage", "bound", "cgroup"))
    return found(
        explained(
            ID,
            HOST if happening.domain is None else domain(happening.domain),
            FAIR if is_short else LIKELY if not case.scene else FAIR - 0.2,
            summary="the balloon's pages are smaller than the guest's backing: the host gets little back",
            lines=[proof(happening, "QEMU says so once, at the first inflation")],
            severity=Severity.CRITICAL if is_short else Severity.WARNING,
            remedies=REMEDIES,
        )
    )
