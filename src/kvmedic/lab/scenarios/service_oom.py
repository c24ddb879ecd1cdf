"""A program of the host takes the memory; the kernel kills, often a QEMU."""

from __future__ import annotations

from kvmedic.lab.scenario import Scenario
from kvmedic.lab.stage import Stage


def bring_about(stage: Stage) -> None:
    """A service grows until nothing is left."""
    free = stage.free_mib()
    stage.still("web-01", free * stage.pick(30, 22) // 100)
    if stage.variant % 2:
        stage.still("db-02", free * 20 // 100)
    name = stage.pick("backup-agent", "prometheus")
    stage.background(f"{stage.faults()} grow {free} {name}")
    stage.wait_for_log("Out of memory: Killed process")


SCENARIO = Scenario(
    id="service-oom",
    title="a service of the host takes the memory",
    bench="plain",
    seconds=30,
    bring_about=bring_about,
    ends_host=False,
    needs_full_record=False,
    proof_in="kernel",
    is_incident=True,
)
