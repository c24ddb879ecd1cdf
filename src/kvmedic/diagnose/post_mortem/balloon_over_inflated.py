"""balloon-over-inflated after a failure: the balloon took so much that the guest ran out of memory itself.

Told from the guest's own kernel log: "Out of puff", or an OOM kill while much of what is present is not
managed any more, because the balloon has it (drivers/virtio/virtio_balloon.c); or memory of no counter,
with deflate-on-oom.
"""

from __future__ import annotations

from kvmedic.diagnose.post_mortem.holders import ledger_of, total_bytes, unaccounted_bytes
from kvmedic.diagnose.post_mortem.oom_kinds import kind_of
from kvmedic.diagnose.post_mortem.oom_proof import oom_lines
from kvmedic.diagnose.post_mortem.said import FAIR, LIKELY, SURE, explained, of_kind, proof
from kvmedic.diagnose.verdicts import because, cleared, found
from kvmedic.model.case import Case, Happening
from kvmedic.model.finding import Because, Finding, Judgement
from kvmedic.model.log_event import BalloonEvent, OomReport
from kvmedic.model.subjects import HOST
from kvmedic.units import MIB, human_bytes

ID = "balloon-over-inflated"
REMEDIES = ("deflate-balloon", "pin-memory", "disable-balloon")
BOOT_RESERVES_BYTES = 512 * MIB
"""A kernel keeps page structures and a crash kernel out of managed memory: this much may be no balloon."""
LARGE_SHARE, CERTAIN_SHARE = 0.25, 0.4
"""A quarter of the memory beyond those reserves; or so large a part that no reserve explains it."""


def explain(case: Case) -> Judgement:
    """Only a guest's own log shows it."""
    puffs = [p for p in of_kind(case.scene, BalloonEvent) if p[1].kind == "out-of-puff"]
    if not case.is_guest_log and not puffs:
        source = case.logs[0].source if case.logs else "logs"
        return cleared("no guest's own log was read; the host's shows no guest in need", source)
    ooms = [p for p in of_kind(case.scene, OomReport) if kind_of(p[1]) in ("shortage", "unclear")]
    for happening, report in reversed(ooms):
        taken = _taken_bytes(report)
        if taken or puffs:
            return found(_killed(happening, report, taken, puffs))
    if puffs:
        summary = "the guest's balloon driver cannot fill the balloon: the guest has nothing left to give"
        lines = [
            proof(happening, "the driver tries again and again", "Out of puff") for happening, _ in puffs[:3]
        ]
        return found(explained(ID, HOST, LIKELY + 0.08, summary=summary, lines=lines, remedies=REMEDIES))
    return cleared("the guest shows no balloon that took much", case.logs[0].source if case.logs else "logs")


def _killed(
    happening: Happening, report: OomReport, taken: int, puffs: list[tuple[Happening, BalloonEvent]]
) -> Finding:
    amount = f" of {human_bytes(taken)}" if taken else ""
    return explained(
        ID,
        HOST,
        SURE if puffs and taken else LIKELY + 0.05 if puffs or taken else FAIR,
        summary=f"the guest ran out of memory while its balloon held a large part{amount}",
        lines=(
            *(proof(puff, "the driver could not fill the balloon", "Out of puff") for puff, _ in puffs[:2]),
            *_ledger_lines(happening, report, taken),
            *oom_lines(happening, report),
        ),
        remedies=REMEDIES,
    )


def _taken_bytes(report: OomReport) -> int:
    """What the balloon holds, as far as the report lets one see it; 0 where nothing stands out."""
    memory = report.mem_info
    if memory is None:
        return 0
    managed = total_bytes(memory) or 0
    gap = ledger_of(report).balloon_like_bytes
    hidden = memory.pages.get("balloon_pages", 0) * memory.page_bytes or unaccounted_bytes(memory)
    present = managed + gap
    is_large = gap > BOOT_RESERVES_BYTES and gap > LARGE_SHARE * present
    taken = gap if is_large or (present and gap > CERTAIN_SHARE * present) else 0
    return taken or (hidden if managed and hidden > 0.3 * managed else 0)


def _ledger_lines(happening: Happening, report: OomReport, taken: int) -> tuple[Because, ...]:
    if not taken or report.mem_info is None:
        return ()
    managed = human_bytes(total_bytes(report.mem_info) or 0)
    text = f"{human_bytes(taken)} are present and not the guest's to use; it manages {managed}"
    return (because(text, happening.event.lines[0].source),)
