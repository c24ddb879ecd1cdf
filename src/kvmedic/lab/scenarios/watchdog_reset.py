"""The hardware watchdog is not fed any more and resets the host."""

from __future__ import annotations

from kvmedic.lab.scenario import Scenario
from kvmedic.lab.stage import Stage

HOLD = "nohup sh -c 'exec 9>/dev/watchdog0; echo x >&9; exec sleep 600' >/dev/null 2>&1 & sleep 3; kill -9 $!"


def bring_about(stage: Stage) -> None:
    """The process that feeds the watchdog is killed, so nobody feeds it."""
    stage.still("web-01", stage.pick(64, 90))
    stage.expect_restart(lambda: stage.sh(HOLD), end="reset", log_after_s=8.0)


SCENARIO = Scenario(
    id="watchdog-reset",
    title="the hardware watchdog fires",
    bench="plain",
    seconds=120,
    bring_about=bring_about,
    ends_host=True,
    needs_full_record=False,
    proof_in="kernel",
    is_incident=True,
)
