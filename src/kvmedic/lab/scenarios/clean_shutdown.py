"""Everything is shut down in order: not a failure."""

from __future__ import annotations

from kvmedic.lab.scenario import Scenario
from kvmedic.lab.stage import Stage


def bring_about(stage: Stage) -> None:
    """Start a guest and stop it the ordinary way."""
    stage.still("web-01", stage.pick(64, 90))
    if stage.variant % 2:
        stage.still("db-02", 64)
        stage.sh("virsh -q shutdown db-02; virsh -q destroy --graceful db-02")
    stage.sleep(2)
    stage.sh("virsh -q destroy --graceful web-01")


SCENARIO = Scenario(
    id="clean-shutdown",
    title="nothing fails",
    bench="plain",
    seconds=20,
    bring_about=bring_about,
    ends_host=False,
    needs_full_record=False,
    proof_in="qemu",
    is_incident=True,
)
