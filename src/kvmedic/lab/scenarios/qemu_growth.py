"""A QEMU takes far more than its guest may have, until the host has nothing left."""

from __future__ import annotations

from kvmedic.lab.scenario import Scenario
from kvmedic.lab.stage import Stage


def bring_about(stage: Stage) -> None:
    """Let a QEMU of a small guest take memory that belongs to no guest, as a leak would."""
    free = stage.free_mib()
    stage.still("web-01", free * 25 // 100)
    stage.still("db-02", free * stage.pick(20, 15) // 100)
    stage.grow("db-02", free * 90 // 100)
    stage.wait_for_log("Out of memory: Killed process")


SCENARIO = Scenario(
    id="qemu-growth",
    title="a QEMU grows far beyond its guest",
    bench="plain",
    seconds=40,
    bring_about=bring_about,
    ends_host=False,
    needs_full_record=False,
    proof_in="kernel",
    is_incident=True,
)
