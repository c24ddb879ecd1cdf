"""The CPUs of the host stand still for tens of seconds (its own hypervisor stops it)."""

from __future__ import annotations

from kvmedic.lab.scenario import Scenario
from kvmedic.lab.stage import Stage


def bring_about(stage: Stage) -> None:
    """Stop the machine that the host is, and let it run again."""
    stage.still("web-01", 64)
    stage.freeze_machine(stage.pick(35, 50))
    stage.wait_for_log("soft lockup|rcu_.* stall|blocked for more", timeout_s=60)


SCENARIO = Scenario(
    id="soft-lockup",
    title="the host's CPUs stand still",
    bench="plain",
    seconds=80,
    bring_about=bring_about,
    ends_host=False,
    needs_full_record=False,
    proof_in="kernel",
    is_incident=True,
)
