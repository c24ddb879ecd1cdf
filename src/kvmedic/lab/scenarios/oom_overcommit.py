"""Guests that were promised more than the host has, and take it: a global kill."""

from __future__ import annotations

from kvmedic.lab.scenario import Scenario
from kvmedic.lab.stage import Stage


def bring_about(stage: Stage) -> None:
    """Fill the host with guests, then let one of them use what it was promised."""
    free = stage.free_mib()
    stage.still("web-01", free * stage.pick(40, 30) // 100)
    if stage.variant % 2:
        stage.still("cache-03", free * 20 // 100)
    stage.still("db-02", free * 80 // 100, prealloc=False)
    stage.fill("db-02")
    stage.wait_for_log("Out of memory: Killed process")


SCENARIO = Scenario(
    id="oom-overcommit",
    title="guests together want more than the host has",
    bench="plain",
    seconds=40,
    bring_about=bring_about,
    ends_host=False,
    needs_full_record=False,
    proof_in="kernel",
    is_incident=True,
)
