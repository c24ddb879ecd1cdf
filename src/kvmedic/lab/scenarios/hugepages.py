"""The pool of huge pages is used up: a guest on huge pages does not start."""

from __future__ import annotations

from kvmedic.lab.scenario import Scenario
from kvmedic.lab.stage import Stage


def bring_about(stage: Stage) -> None:
    """Start one guest more than the pool can hold."""
    stage.sh(f"echo {stage.pick(60, 80)} > /proc/sys/vm/nr_hugepages")
    stage.still("huge-01", stage.pick(96, 128), huge=True)
    complaint = stage.still("huge-02", stage.pick(96, 128), huge=True)
    stage.say(complaint.strip()[-200:])
    stage.must(
        "huge-02" in complaint or "Cannot allocate" in complaint or "nsufficient" in complaint, complaint
    )


SCENARIO = Scenario(
    id="hugepages",
    title="the pool of huge pages is used up",
    bench="plain",
    seconds=20,
    bring_about=bring_about,
    ends_host=False,
    needs_full_record=False,
    proof_in="qemu",
    is_incident=True,
)
