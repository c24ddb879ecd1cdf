"""kernel-memory-growth after a failure: the kernel or a driver held the memory when it ran out.

Slab that cannot be given back, and memory of no counter (vmalloc, ZFS ARC, drivers), from the OOM report.
"""

from __future__ import annotations

from kvmedic.diagnose.post_mortem.holders import kernel_bytes, unaccounted_bytes
from kvmedic.diagnose.post_mortem.memory_before import memory_lines
from kvmedic.diagnose.post_mortem.said import FAIR, LIKELY, explained
from kvmedic.diagnose.post_mortem.shortage import (
    is_large,
    no_shortage,
    shortage_lines,
    shortage_of,
    shortage_sentence,
)
from kvmedic.diagnose.verdicts import because, cleared, found
from kvmedic.model.case import Case
from kvmedic.model.finding import Because, Judgement
from kvmedic.model.memory_report import MemInfoReport
from kvmedic.model.subjects import HOST
from kvmedic.units import human_bytes

ID = "kernel-memory-growth"
REMEDIES = ("evacuate-host", "reboot-host")


def explain(case: Case) -> Judgement:
    """The kernel's share of the memory in the report of the shortage."""
    shortage = shortage_of(case)
    if shortage is None:
        return no_shortage(case)
    source = shortage.happening.event.lines[0].source
    memory, holder = shortage.report.mem_info, shortage.ledger.of("kernel")
    if memory is None or holder is None:
        return cleared("the report shows no memory of the kernel's own worth a name", source)
    if not is_large(holder):
        return cleared(f"the kernel held {human_bytes(holder.bytes)} ({holder.share:.0%})", source)
    return found(
        explained(
            ID,
            HOST,
            LIKELY + 0.05 if holder is shortage.ledger.largest else FAIR - 0.15,
            summary=shortage_sentence(shortage, f"the kernel itself held {human_bytes(holder.bytes)}"),
            lines=(*_parts(memory, source), *shortage_lines(shortage), *memory_lines(case)),
            remedies=REMEDIES,
        )
    )


def _parts(memory: MemInfoReport, source: str) -> tuple[Because, ...]:
    slab = memory.pages.get("slab_unreclaimable", 0) * memory.page_bytes
    hidden = unaccounted_bytes(memory)
    text = f"slab that cannot be given back {human_bytes(slab)}, of no counter {human_bytes(hidden)}"
    return (because(f"{text}, together {human_bytes(kernel_bytes(memory))}", source),)
