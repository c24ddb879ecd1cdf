"""A program of the guest wants more than the guest has; balloon and host are innocent."""

from __future__ import annotations

from kvmedic.lab.domain_xml import GuestWish
from kvmedic.lab.scenario import Scenario
from kvmedic.lab.stage import Stage, try_quietly


def bring_about(stage: Stage) -> None:
    """A guest of fixed size fills its memory."""
    guest = stage.lively("crm-01", GuestWish(memory_mib=stage.pick(256, 320)))
    try_quietly(lambda: guest.agent.ask("hold 400", timeout_s=60))
    stage.keep_guest_log(guest)


SCENARIO = Scenario(
    id="guest-oom",
    title="a guest runs out of its own memory",
    bench="plain",
    seconds=70,
    bring_about=bring_about,
    ends_host=False,
    needs_full_record=False,
    proof_in="guest",
    is_incident=True,
)
