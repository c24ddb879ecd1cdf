"""memory.high of the guest's cgroup is far too low: its threads are made to wait."""

from __future__ import annotations

from kvmedic.lab.scenario import Scenario
from kvmedic.lab.stage import Stage


def bring_about(stage: Stage) -> None:
    """Let a guest grow beyond memory.high, and take the record while it waits."""
    stage.still("app-08", stage.pick(150, 220))
    group = stage.sh("dirname /sys/fs/cgroup/machine/qemu-*app-08*/memory.high").strip()
    stage.sh(f"echo {stage.pick(120, 180)}M > {group}/memory.high")
    stage.monitor("app-08", "object_add memory-backend-ram,id=more,size=200M,prealloc=on")
    stage.sleep(12)


SCENARIO = Scenario(
    id="memory-high",
    title="memory.high throttles a guest",
    bench="plain",
    seconds=40,
    bring_about=bring_about,
    ends_host=False,
    needs_full_record=True,
    proof_in="state",
    is_incident=True,
)
