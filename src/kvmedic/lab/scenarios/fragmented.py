"""Memory is free in single pages only: a new vCPU (order 4) cannot be had."""

from __future__ import annotations

from kvmedic.lab.scenario import Scenario
from kvmedic.lab.stage import Stage


def bring_about(stage: Stage) -> None:
    """Shred the free memory with pages that compaction may not move; take the blocks that are left."""
    stage.sh("echo 0 > /proc/sys/vm/compact_unevictable_allowed; echo 3 > /proc/sys/vm/drop_caches")
    stage.background(f"{stage.faults()} shred {stage.free_mib() - stage.pick(40, 60)}")
    stage.wait_until(lambda: "done" in stage.sh("cat /tmp/background.out"), "the memory is shredded", 120)
    stage.background(f"{stage.faults()} blocks {stage.pick(80, 100)}")
    stage.sleep(5)
    for number in range(4):
        refused = stage.still(f"new-{number:02}", 16, prealloc=False, vcpus=stage.pick(2, 1))
        stage.say(refused.strip()[-200:])
        if "page allocation failure" in stage.log():
            return
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
