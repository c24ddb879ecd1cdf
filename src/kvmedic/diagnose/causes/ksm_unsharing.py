"""ksm-unsharing: the host lives from merged pages, and could not hold them apart.

Writing to a page that KSM merged makes a copy (mm/ksm.c), so what is saved today is owed tomorrow: a kernel
update in every guest, or ``run`` set to 2, calls it in at once.
"""

from __future__ import annotations

from collections.abc import Mapping

from kvmedic.diagnose.need import Need, memory_need
from kvmedic.diagnose.readings import VMSTAT, per_second
from kvmedic.diagnose.verdicts import LIKELY, POSSIBLE, because, cleared, finding, found, lacking
from kvmedic.model.finding import Because, Cause, Judgement, Severity
from kvmedic.model.gap import Missing
from kvmedic.model.snapshot import Snapshot
from kvmedic.model.subjects import HOST
from kvmedic.units import human_bytes

ID = "ksm-unsharing"
REMEDIES = ("migrate-domain", "tune-host")
KSM = "sys/kernel/mm/ksm"
COPIES_PER_SECOND = 1000.0
"""4 MiB/s of copies: a host that is short by its debt notices within minutes."""
UNMERGING = 2
"""``run`` 2: ksmd stops and takes every merged page apart (admin-guide/mm/ksm.rst)."""


def examine(snapshot: Snapshot) -> Judgement:
    """What KSM saves against what is available."""
    ksm = snapshot.memory.ksm
    if isinstance(ksm, Missing):
        return lacking(ksm)
    saved = ksm.get("pages_sharing")
    if saved is None:
        return lacking(f"{KSM}/pages_sharing: not there")
    if saved == 0:
        return cleared("KSM has merged nothing", KSM)
    need = memory_need(snapshot)
    if isinstance(need, Missing):
        return lacking(need)
    debt = saved * snapshot.memory.page_size_bytes
    text = f"KSM saves {human_bytes(debt)}, {human_bytes(need.available_bytes)} are available"
    if debt <= need.available_bytes:
        return cleared(f"{text}: all merged pages could come apart", KSM)
    return _present(snapshot, ksm, need, text)


def _present(snapshot: Snapshot, ksm: Mapping[str, int], need: Need, text: str) -> Judgement:
    copies = per_second(snapshot, "cow_ksm")
    comes_apart = not isinstance(copies, Missing) and copies >= COPIES_PER_SECOND
    is_unmerging = ksm.get("run") == UNMERGING
    proof: list[Because] = [because(text, KSM), need.reason]
    if comes_apart:
        proof.append(because(f"{copies:.0f} merged pages a second are copied", VMSTAT))
    if is_unmerging:
        proof.append(because("run is 2: everything is being taken apart", f"{KSM}/run"))
    is_going_on = comes_apart or is_unmerging
    return found(
        finding(
            ID,
            HOST,
            Severity.WARNING if is_going_on else need.severity(),
            LIKELY if is_going_on else POSSIBLE,
            summary=f"{text}: if the guests write to their merged pages, the host cannot hold them",
            proof=proof,
            remedies=REMEDIES,
        )
    )


CAUSE = Cause(
    id=ID,
    title="The host lives from merged pages that may come apart",
    is_essential=False,
    judged="living",
    examine=examine,
)
