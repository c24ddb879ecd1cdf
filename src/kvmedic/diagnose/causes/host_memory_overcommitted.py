"""host-memory-overcommitted: if every balloon deflated, the host could not hold what its guests may use.

Deflating needs nothing from the host until the guest touches the memory, so nothing refuses it: the host
meets the shortage later, as an order-0 OOM kill that takes the biggest QEMU (mm/oom_kill.c, oom_badness).
"""

from __future__ import annotations

from kvmedic.diagnose.need import memory_need
from kvmedic.diagnose.readings import teller_of_domains
from kvmedic.diagnose.verdicts import LIKELY, PROVEN, because, cleared, finding, found, lacking, no_domain
from kvmedic.model.finding import Because, Cause, Judgement, Severity
from kvmedic.model.gap import Missing
from kvmedic.model.snapshot import Snapshot
from kvmedic.model.subjects import HOST
from kvmedic.model.zone_facts import Ledger
from kvmedic.units import human_bytes

ID = "host-memory-overcommitted"
REMEDIES = ("migrate-domain", "evacuate-host")


def examine(snapshot: Snapshot) -> Judgement:
    """The ledger's shortage if all balloons deflate, against the swap that could take it."""
    if isinstance(snapshot.domains, Missing):
        return lacking(snapshot.domains)
    if not snapshot.running:
        return no_domain()
    ledger = snapshot.memory.ledger
    if isinstance(ledger, Missing):
        return lacking(ledger)
    short = ledger.if_all_deflate_short
    if isinstance(short, Missing):
        return lacking(short)
    if short <= 0:
        return cleared(f"every balloon could deflate: {human_bytes(-short)} to spare", "ledger")
    return _present(snapshot, ledger, short)


def _present(snapshot: Snapshot, ledger: Ledger, short: int) -> Judgement:
    swap = _free_swap_bytes(snapshot)
    is_covered = swap is not None and swap >= short
    return found(
        finding(
            ID,
            HOST,
            _severity(snapshot, is_covered=is_covered),
            PROVEN if swap is not None else LIKELY,
            summary=f"if every guest used all it may have, the host would lack {human_bytes(short)}",
            proof=_proof(snapshot, ledger, short, swap),
            remedies=REMEDIES,
        )
    )


def _severity(snapshot: Snapshot, *, is_covered: bool) -> Severity:
    """Covered by swap it is a matter of speed; on a host that is short already the next burst may kill."""
    need = memory_need(snapshot)
    is_short = not isinstance(need, Missing) and need.is_short
    if is_covered:
        return Severity.WARNING if is_short else Severity.INFO
    return Severity.CRITICAL if is_short else Severity.WARNING


def _free_swap_bytes(snapshot: Snapshot) -> int | None:
    swaps = snapshot.memory.swaps
    return None if isinstance(swaps, Missing) else sum(swap.size_bytes - swap.used_bytes for swap in swaps)


def _proof(snapshot: Snapshot, ledger: Ledger, short: int, swap: int | None) -> list[Because]:
    lines = [because(f"{human_bytes(short)} short if all balloons deflate", "ledger")]
    if not isinstance(ledger.guests_maximum, Missing) and not isinstance(ledger.guests_rss, Missing):
        maximum, rss = human_bytes(ledger.guests_maximum), human_bytes(ledger.guests_rss)
        text = f"running domains may have {maximum}, {rss} are resident"
        lines.append(because(text, teller_of_domains(snapshot)))
    if swap is not None:
        lines.append(because(f"{human_bytes(swap)} of swap are free", "proc/swaps"))
    need = memory_need(snapshot)
    return lines if isinstance(need, Missing) else [*lines, need.reason]


CAUSE = Cause(
    id=ID,
    title="The guests may use more memory than the host has",
    is_essential=True,
    judged="living",
    examine=examine,
)
