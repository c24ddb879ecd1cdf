"""libvirtd is stopped: virsh hangs, the manager calls the host failed, the guests run on."""

from __future__ import annotations

from kvmedic.lab.scenario import Scenario
from kvmedic.lab.stage import Stage


def bring_about(stage: Stage) -> None:
    """Stop libvirtd and leave it so while the record is taken."""
    stage.still("web-01", stage.pick(100, 160))
    if stage.variant % 2:
        stage.still("db-02", 200)
    stage.sh("kill -STOP $(pgrep -x libvirtd)")
    stage.on_clear("kill -CONT $(pgrep -x libvirtd)")


SCENARIO = Scenario(
    id="daemon-hung",
    title="libvirtd does not answer",
    bench="plain",
    seconds=30,
    bring_about=bring_about,
    ends_host=False,
    needs_full_record=True,
    proof_in="state",
    is_incident=True,
)
