"""host-fenced: a watchdog or the cluster reset the host on purpose, because it did not answer in time.

The cause behind it may be anything that kept the host from answering; the fence itself is what ended the
guests.
"""

from __future__ import annotations

from kvmedic.diagnose.post_mortem.said import LIKELY, SURE, absent, explained, of_kind, proof, recent
from kvmedic.diagnose.verdicts import found
from kvmedic.model.case import Case, Happening, UnloggedEnd
from kvmedic.model.finding import Judgement, Severity, Subject
from kvmedic.model.log_event import FenceEvent
from kvmedic.model.subjects import HOST

ID = "host-fenced"
_ACTS = ("expired", "fenced", "self-fence")
_MEANINGS = {
    "expired": "the watchdog ran out: it resets the host",
    "fenced": "the cluster fenced the host",
    "self-fence": "the host fenced itself",
    "fencing": "the cluster asks for the host to be fenced",
    "quorum-lost": "the host lost its quorum",
    "armed": "a watchdog is armed",
    "not-stopped": "a watchdog was left running",
}


def explain(case: Case) -> Judgement:
    """Acts of watchdogs and clusters; else a reset without a trace with quorum lost just before."""
    acts = [pair for pair in of_kind(case.scene, FenceEvent) if pair[1].kind in _ACTS]
    signs = [
        pair
        for pair in of_kind(recent(case, 300.0), FenceEvent)
        if pair[1].kind in ("fencing", "quorum-lost", "not-stopped")
    ]
    has_reset = any(True for _ in of_kind(case.scene, UnloggedEnd))
    if not acts and not (signs and has_reset):
        return absent(case, "no watchdog and no cluster acted")
    event = (acts or signs)[0][1]
    target = event.target
    return found(
        explained(
            ID,
            HOST if target is None else Subject(kind="host", name=target, id=None),
            (SURE + 0.02 if has_reset or event.kind != "expired" else SURE - 0.05) if acts else LIKELY,
            summary=f"{_MEANINGS[event.kind]}" + (f" ({event.agent})" if event.agent else ""),
            severity=Severity.WARNING if _is_another(acts or signs) else Severity.CRITICAL,
            lines=[proof(h, _MEANINGS[e.kind]) for h, e in (*signs[-2:], *acts[:3])],
        )
    )


def _is_another(acts: list[tuple[Happening, FenceEvent]]) -> bool:
    """The log is that of a node which saw another one being fenced."""
    happening, event = acts[0]
    own = (happening.event.host or "").split(".")[0]
    return bool(own and event.target) and (event.target or "").split(".")[0] != own
