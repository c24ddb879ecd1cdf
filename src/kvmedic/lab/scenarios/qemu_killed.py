"""A person kills QEMU by hand."""

from __future__ import annotations

from kvmedic.lab.scenario import Scenario
from kvmedic.lab.stage import Stage


def bring_about(stage: Stage) -> None:
    """SIGTERM or SIGINT from a shell."""
    stage.still("web-01", 64)
    stage.sleep(3)
    stage.sh(f"kill -{stage.pick('TERM', 'INT')} $(cat /run/libvirt/qemu/web-01.pid)")
    stage.sleep(3)


SCENARIO = Scenario(
    id="qemu-killed",
    title="somebody kills QEMU",
    bench="plain",
    seconds=20,
    bring_about=bring_about,
    ends_host=False,
    needs_full_record=False,
    proof_in="qemu",
    is_incident=True,
)
