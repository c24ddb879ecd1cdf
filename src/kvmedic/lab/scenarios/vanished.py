"""QEMU is gone and nothing says why: SIGKILL leaves no word in any log."""

from __future__ import annotations

from kvmedic.lab.scenario import Scenario
from kvmedic.lab.stage import Stage


def bring_about(stage: Stage) -> None:
    """SIGKILL from a shell."""
    stage.still("web-01", stage.pick(64, 90))
    stage.sleep(3)
    stage.sh("kill -KILL $(cat /run/libvirt/qemu/web-01.pid)")
    stage.sleep(3)


SCENARIO = Scenario(
    id="vanished",
    title="QEMU is gone without a word",
    bench="plain",
    seconds=20,
    bring_about=bring_about,
    ends_host=False,
    needs_full_record=False,
    proof_in="qemu",
    is_incident=True,
)
