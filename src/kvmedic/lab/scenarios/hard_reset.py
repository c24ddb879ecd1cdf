"""Power is cut: two boots in the log and nothing in between."""

from __future__ import annotations

from kvmedic.lab.scenario import Scenario
from kvmedic.lab.stage import Stage


def bring_about(stage: Stage) -> None:
    """Reset the host while its guests run."""
    stage.still("web-01", stage.pick(64, 90))
    if stage.variant % 2:
        stage.still("db-02", 64)
    stage.sleep(5)
    stage.expect_restart(stage.host.reset, end="reset")


SCENARIO = Scenario(
    id="hard-reset",
    title="a reset without any line",
    bench="plain",
    seconds=60,
    bring_about=bring_about,
    ends_host=True,
    needs_full_record=False,
    proof_in="kernel",
    is_incident=True,
)
