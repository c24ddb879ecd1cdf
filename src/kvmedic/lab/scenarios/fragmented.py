"""Memory is free in the smallest blocks only: a program that needs a larger one is refused."""

from __future__ import annotations

from kvmedic.lab.scenario import Scenario
from kvmedic.lab.stage import Stage

PREPARE = """
echo 1 > /proc/sys/vm/lowmem_reserve_ratio
echo 0 > /proc/sys/vm/compact_unevictable_allowed
echo 1000000000 > /proc/sys/net/core/optmem_max
echo 3 > /proc/sys/vm/drop_caches
"""
RESTORE = "echo 256 > /proc/sys/vm/lowmem_reserve_ratio; echo 20480 > /proc/sys/net/core/optmem_max"


def bring_about(stage: Stage) -> None:
    """Shred free memory with pages that compaction may not move, then ask for blocks until one is refused.

    The small DMA zone keeps its blocks to itself: it is put out of reach (lowmem_reserve_ratio).
    """
    stage.still("web-01", stage.pick(40, 64))
    stage.sh(PREPARE)
    stage.on_clear(RESTORE)
    stage.background(f"{stage.faults()} shred {stage.free_mib() - stage.pick(26, 30)}")
    stage.wait_until(lambda: "done" in stage.sh("cat /tmp/background.out"), "the memory is shredded", 120)
    stage.background(f"{stage.faults()} blocks {stage.pick(128, 64)} ovs-agent")
    stage.wait_for_log("page allocation failure", timeout_s=90)


SCENARIO = Scenario(
    id="fragmented",
    title="no neighbouring pages though memory is free",
    bench="plain",
    seconds=60,
    bring_about=bring_about,
    ends_host=False,
    needs_full_record=False,
    proof_in="kernel",
    is_incident=True,
)
