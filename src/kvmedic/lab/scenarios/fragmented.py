"""Memory is free in single pages only: a new vCPU (order 4) cannot be had."""

from __future__ import annotations

from kvmedic.lab.scenario import Scenario
from kvmedic.lab.stage import Stage

LARGEST_CMDLINES = 32768
"""So many names of tasks take one block of order 8 (kernel/trace/trace_sched_switch.c, trace.c before)."""


def bring_about(stage: Stage) -> None:
    """Shred the free memory with pages that compaction may not move, then ask the kernel for a block.

    Huge pages and a packet ring take what is left of large blocks. Tracing asks for its table in one block.
    """
    stage.still("web-01", stage.pick(40, 64))
    stage.sh("echo 0 > /proc/sys/vm/compact_unevictable_allowed; echo 3 > /proc/sys/vm/drop_caches")
    stage.background(f"{stage.faults()} shred {stage.free_mib() - stage.pick(24, 28)}")
    stage.wait_until(lambda: "done" in stage.sh("cat /tmp/background.out"), "the memory is shredded", 120)
    stage.sh("echo 200 > /proc/sys/vm/nr_hugepages")
    stage.background(f"{stage.faults()} blocks 24")
    stage.sleep(3)
    for size in (LARGEST_CMDLINES, LARGEST_CMDLINES // 2):
        stage.sh(f"echo {size} > /sys/kernel/tracing/saved_cmdlines_size")
    stage.wait_for_log("page allocation failure", timeout_s=5)


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
