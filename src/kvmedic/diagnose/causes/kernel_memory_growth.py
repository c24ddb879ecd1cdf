"""kernel-memory-growth: the kernel itself, or a driver, holds a large part of the memory.

One reading shows a level, not growth: file servers hold much and are well. So this stays "possible" until
there is a history. ZFS's cache is known by its own file, and is taken off what no counter shows. Such memory
may also be the balloon of a hypervisor below this host.
"""

from __future__ import annotations

from collections.abc import Iterator

from kvmedic.diagnose.need import Need, memory_need
from kvmedic.diagnose.verdicts import POSSIBLE, because, finding, lacking
from kvmedic.model.finding import Because, Cause, Finding, Judgement
from kvmedic.model.gap import Missing
from kvmedic.model.memory import Meminfo
from kvmedic.model.snapshot import Snapshot
from kvmedic.model.subjects import HOST
from kvmedic.units import GIB, human_bytes

ID = "kernel-memory-growth"
REMEDIES = ("evacuate-host", "reboot-host")
LARGE_SHARE = 0.10
"""A tenth of the memory: where oled-tools' memstate begins to call kernel memory unaccounted for."""
LARGE_BYTES = 1 * GIB
"""On small machines a tenth is the kernel's ordinary size."""
_CACHES_NAMED = 3


def examine(snapshot: Snapshot) -> Judgement:
    """Unreclaimable slab, page tables and unaccounted memory, each against the total."""
    meminfo, need = snapshot.memory.meminfo, memory_need(snapshot)
    if isinstance(meminfo, Missing):
        return lacking(meminfo)
    if isinstance(need, Missing):
        return lacking(need)
    limit = max(int(need.total_bytes * LARGE_SHARE), LARGE_BYTES)
    parts = list(_parts(snapshot, meminfo))
    findings = tuple(_finding(snapshot, name, held, need) for name, held in parts if held >= limit)
    if findings:
        return Judgement(findings=findings)
    if isinstance(snapshot.memory.ledger, Missing):
        return lacking(snapshot.memory.ledger)
    return Judgement(
        refuted=tuple(because(f"{name}: {human_bytes(held)}", "proc/meminfo") for name, held in parts)
    )


def _parts(snapshot: Snapshot, meminfo: Meminfo) -> Iterator[tuple[str, int]]:
    slab = meminfo.get("SUnreclaim")
    if slab is not None:
        yield "slab that cannot be reclaimed", slab
    tables = meminfo.get("PageTables")
    if tables is not None:
        yield "page tables", tables
    ledger = snapshot.memory.ledger
    if not isinstance(ledger, Missing):
        cache = snapshot.memory.zfs_arc.size_bytes if snapshot.memory.zfs_arc else 0
        yield "memory that no counter accounts for", max(ledger.unaccounted - cache, 0)


def _finding(snapshot: Snapshot, name: str, held: int, need: Need) -> Finding:
    share = held / need.total_bytes
    return finding(
        ID,
        HOST,
        need.severity(),
        POSSIBLE,
        summary=f"{name}: {human_bytes(held)} ({share:.0%} of the host); one reading does not show "
        "whether it grows",
        proof=[
            because(f"{name}: {human_bytes(held)}", "proc/meminfo"),
            *_context(snapshot, name),
            need.reason,
        ],
        remedies=REMEDIES,
    )


def _context(snapshot: Snapshot, name: str) -> Iterator[Because]:
    if name.startswith("slab") and not isinstance(snapshot.slabs, Missing):
        largest = sorted(snapshot.slabs, key=lambda slab: -slab.total_bytes)[:_CACHES_NAMED]
        words = ", ".join(f"{slab.name} {human_bytes(slab.total_bytes)}" for slab in largest)
        yield because(f"largest caches: {words}", "proc/slabinfo")
    if name.startswith("memory that no") and snapshot.host.is_virtual_machine is True:
        yield because("this host is a virtual machine: its own balloon may hold it", "proc/cpuinfo")


CAUSE = Cause(
    id=ID,
    title="The kernel itself holds a large part of the memory",
    is_essential=False,
    judged="both",
    examine=examine,
)
