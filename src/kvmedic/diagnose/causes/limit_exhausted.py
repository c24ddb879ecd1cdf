"""limit-exhausted: a limit that is not RAM is used up: open files, asynchronous I/O, locked memory.

The failures look like lack of memory ("Cannot allocate memory", EAGAIN, EMFILE), and free memory does not
help: librbd opens a file per object server, io=native needs contexts, VFIO locks all of a guest.
"""

from __future__ import annotations

from kvmedic.diagnose.limits import LimitUse, limit_uses
from kvmedic.diagnose.verdicts import LIKELY, because, cleared, finding, lacking
from kvmedic.model.finding import Cause, Finding, Judgement, Severity
from kvmedic.model.gap import Missing
from kvmedic.model.snapshot import Snapshot
from kvmedic.units import human_bytes

ID = "limit-exhausted"
REMEDIES: tuple[str, ...] = ()
NEAR_SHARE = 0.80
"""The last fifth goes in one reconnect of all disks of a guest."""
FULL_SHARE = 0.95
"""Beyond this the next open or start is the one that fails."""


def examine(snapshot: Snapshot) -> Judgement:
    """Every limit that can be read cheaply, by the share that is used."""
    if isinstance(snapshot.domains, Missing):
        return lacking(snapshot.domains)
    read = list(limit_uses(snapshot))
    uses = [use for use in read if not isinstance(use, Missing)]
    findings = tuple(_finding(use) for use in uses if use.used >= use.limit * NEAR_SHARE)
    gaps = tuple(dict.fromkeys(str(gap) for gap in read if isinstance(gap, Missing)))
    if findings or gaps:
        return Judgement(findings=findings, lacking=gaps)
    if not uses:
        return lacking("no limit could be read")
    nearest = max(uses, key=lambda use: use.used / use.limit)
    return cleared(f"{len(uses)} limits read; the nearest: {_words(nearest)}", nearest.source)


def _words(use: LimitUse) -> str:
    used, limit = (
        (human_bytes(use.used), human_bytes(use.limit))
        if use.is_bytes
        else (f"{use.used:,}", f"{use.limit:,}")
    )
    return f"{use.what} {used} of {limit}"


def _finding(use: LimitUse) -> Finding:
    is_full = use.used >= use.limit * FULL_SHARE
    return finding(
        ID,
        use.subject,
        Severity.CRITICAL if is_full else Severity.WARNING,
        LIKELY,
        summary=f"{use.subject.name}: {_words(use)} ({use.used / use.limit:.0%})",
        proof=[because(_words(use), use.source)],
        remedies=REMEDIES,
    )


CAUSE = Cause(
    id=ID,
    title="A limit that is not RAM is used up",
    is_essential=False,
    judged="both",
    examine=examine,
)
