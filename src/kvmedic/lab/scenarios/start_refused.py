"""A guest larger than the host does not start: the kernel refuses to promise so much."""

from __future__ import annotations

from kvmedic.lab.scenario import Scenario
from kvmedic.lab.stage import Stage


def bring_about(stage: Stage) -> None:
    """Ask for far more than any host of the lab has; nothing is taken."""
    complaint = stage.still(stage.pick("big-01", "hana-02"), stage.pick(2, 3) << 20, prealloc=False)
    stage.must("Cannot allocate memory" in complaint, complaint)


SCENARIO = Scenario(
    id="start-refused",
    title="a guest is larger than the host",
    bench="here",
    seconds=20,
    bring_about=bring_about,
    ends_host=False,
    needs_full_record=False,
    proof_in="qemu",
    is_incident=True,
)
