"""Much waits to be written to a slow disk: whoever wants it written hangs."""

from __future__ import annotations

from kvmedic.lab.scenario import Scenario
from kvmedic.lab.stage import Stage

WRITE = "dd if=/dev/zero of=/data/backup.img bs=1M count=80"


def bring_about(stage: Stage) -> None:
    """Make the disk slow, fill the page cache with what must be written, and ask for all of it."""
    stage.still("web-01", stage.pick(64, 90))
    stage.sh(f"echo {stage.pick(10, 15)} > /proc/sys/kernel/hung_task_timeout_secs")
    stage.sh("echo 40 > /proc/sys/vm/dirty_ratio; echo 30 > /proc/sys/vm/dirty_background_ratio; sync")
    stage.outer_monitor(f"block_set_io_throttle data {stage.pick(1000000, 700000)} 0 0 0 0 0")
    try:
        stage.sh(WRITE)
        stage.background("sync")
        stage.wait_for_log("blocked for more than", timeout_s=90)
    finally:
        stage.outer_monitor("block_set_io_throttle data 0 0 0 0 0 0")


SCENARIO = Scenario(
    id="dirty-stall",
    title="too much waits to be written to a slow disk",
    bench="plain",
    seconds=60,
    bring_about=bring_about,
    ends_host=False,
    needs_full_record=False,
    proof_in="kernel",
    is_incident=True,
)
