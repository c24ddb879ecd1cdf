"""manual-oom: somebody called the OOM killer by hand (SysRq-f, or "f" into /proc/sysrq-trigger): order −1."""

from __future__ import annotations

from kvmedic.diagnose.post_mortem.actors import victim_subject, victim_words
from kvmedic.diagnose.post_mortem.oom_kinds import ooms_of
from kvmedic.diagnose.post_mortem.oom_proof import oom_lines
from kvmedic.diagnose.post_mortem.said import CERTAIN, LIKELY, absent, explained, of_kind, proof
from kvmedic.diagnose.verdicts import found
from kvmedic.model.case import Case
from kvmedic.model.finding import Judgement
from kvmedic.model.log_event import SysRq
from kvmedic.model.subjects import HOST

ID = "manual-oom"


def explain(case: Case) -> Judgement:
    """A report of order −1; else only the key's own line."""
    keys = [
        proof(happening, "the key that calls the OOM killer")
        for happening, event in (*of_kind(case.scene, SysRq), *of_kind(case.before[-50:], SysRq))
        if "OOM" in event.action
    ]
    ooms = ooms_of(case, "manual")
    if ooms:
        happening, report = ooms[-1]
        return found(
            explained(
                ID,
                victim_subject(happening, report),
                CERTAIN,
                summary=f"the OOM killer was called by hand and killed {victim_words(happening, report)}; "
                "memory was not short",
                lines=(*keys, *oom_lines(happening, report)),
            )
        )
    if keys and any(isinstance(h.event, SysRq) for h in case.scene):
        summary = "the OOM killer was called by hand"
        return found(explained(ID, HOST, LIKELY, summary=summary, lines=keys))
    return absent(case, "no OOM kill of order −1 (by hand)")
