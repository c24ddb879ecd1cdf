"""The guest's cgroup has a limit below what the guest needs."""

from __future__ import annotations

from kvmedic.lab.scenario import Scenario
from kvmedic.lab.stage import Stage


def bring_about(stage: Stage) -> None:
    """A guest grows into the limit of its own cgroup."""
    size, limit = stage.pick((100, 150), (128, 200))
    stage.still("app-07", size, limit_mib=limit)
    stage.grow("app-07", limit)
    stage.wait_for_log("Memory cgroup out of memory: Killed process")


SCENARIO = Scenario(
    id="memcg",
    title="a guest outgrows the limit of its cgroup",
    bench="plain",
    seconds=20,
    bring_about=bring_about,
    ends_host=False,
    needs_full_record=False,
    proof_in="kernel",
    is_incident=True,
)
