"""A person asks for a kill (sysrq f) while memory is plentiful."""

from __future__ import annotations

from kvmedic.lab.scenario import Scenario
from kvmedic.lab.stage import Stage


def bring_about(stage: Stage) -> None:
    """Write f to sysrq-trigger."""
    stage.still("db-02", stage.pick(120, 150))
    stage.still("web-01", 40)
    stage.sh("echo 1 > /proc/sys/kernel/sysrq; echo f > /proc/sysrq-trigger")
    stage.wait_for_log("Killed process")


SCENARIO = Scenario(
    id="manual-oom",
    title="a person triggers the OOM killer",
    bench="plain",
    seconds=20,
    bring_about=bring_about,
    ends_host=False,
    needs_full_record=False,
    proof_in="kernel",
    is_incident=True,
)
