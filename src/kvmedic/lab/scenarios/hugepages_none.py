"""The pool of huge pages was never filled: a guest on huge pages does not start."""

from __future__ import annotations

from kvmedic.lab.scenario import Scenario
from kvmedic.lab.stage import Stage


def bring_about(stage: Stage) -> None:
    """Start a guest on huge pages where there are none; this changes nothing on the host."""
    complaint = stage.still(stage.pick("huge-01", "vnf-02"), stage.pick(64, 128), huge=True)
    stage.must("Cannot allocate memory" in complaint or "nsufficient" in complaint, complaint)


SCENARIO = Scenario(
    id="hugepages-none",
    title="there is no pool of huge pages",
    bench="here",
    seconds=20,
    bring_about=bring_about,
    ends_host=False,
    needs_full_record=False,
    proof_in="qemu",
    is_incident=True,
)
