"""dirty-writeback-stall: so much written data waits for the disks that writers are made to wait.

mm/page-writeback.c, balance_dirty_pages: writers are throttled from the middle between the background
threshold and the limit. A guest whose disk is cached by the host stands still then, with memory free.
"""

from __future__ import annotations

from collections.abc import Mapping

from kvmedic.diagnose.readings import VMSTAT, is_waiting, pressure_lines
from kvmedic.diagnose.verdicts import LIKELY, POSSIBLE, because, cleared, finding, found, lacking
from kvmedic.model.finding import Cause, Judgement, Severity
from kvmedic.model.gap import Missing
from kvmedic.model.snapshot import Snapshot
from kvmedic.model.subjects import HOST
from kvmedic.units import human_bytes

ID = "dirty-writeback-stall"
REMEDIES = ("tune-host",)
NEEDED = ("nr_dirty", "nr_writeback", "nr_dirty_threshold", "nr_dirty_background_threshold")


def examine(snapshot: Snapshot) -> Judgement:
    """Dirty and written-back pages against the point at which the kernel throttles writers."""
    vmstat = snapshot.memory.vmstat
    if isinstance(vmstat, Missing):
        return lacking(vmstat)
    if missing := [name for name in NEEDED if name not in vmstat]:
        return lacking(f"{VMSTAT}: no {missing[0]}")
    waiting = vmstat["nr_dirty"] + vmstat["nr_writeback"]
    throttled_from = throttling_starts_at(vmstat)
    page = snapshot.memory.page_size_bytes
    text = (
        f"{human_bytes(waiting * page)} wait to be written, throttling starts at "
        f"{human_bytes(throttled_from * page)}"
    )
    if waiting < throttled_from:
        return cleared(text, VMSTAT)
    return _present(snapshot, text)


def throttling_starts_at(vmstat: Mapping[str, int]) -> int:
    """Pages from which writers are throttled: (background + limit) / 2, dirty_freerun_ceiling."""
    return (vmstat["nr_dirty_threshold"] + vmstat["nr_dirty_background_threshold"]) // 2


def _present(snapshot: Snapshot, text: str) -> Judgement:
    waits = is_waiting(snapshot.memory.pressure_io)
    return found(
        finding(
            ID,
            HOST,
            Severity.WARNING if waits else Severity.INFO,
            LIKELY if waits else POSSIBLE,
            summary=f"writers are made to wait for the disks: {text}",
            proof=(because(text, VMSTAT), *pressure_lines(snapshot.memory.pressure_io, "io")),
            remedies=REMEDIES,
        )
    )


CAUSE = Cause(
    id=ID,
    title="Writers wait for dirty memory to reach the disks",
    is_essential=False,
    judged="both",
    examine=examine,
)
