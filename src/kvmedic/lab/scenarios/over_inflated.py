"""The balloon takes what the guest needs: the guest's own kernel kills."""

from __future__ import annotations

from kvmedic.lab.domain_xml import GuestWish
from kvmedic.lab.scenario import Scenario
from kvmedic.lab.stage import Stage, try_quietly


def bring_about(stage: Stage) -> None:
    """A guest with a working set, a balloon that leaves less than it."""
    guest = stage.lively("shop-01", GuestWish(memory_mib=512, orders=(f"hold {stage.pick(200, 260)}",)))
    guest.host.virsh("setmem", guest.name, f"{stage.pick(200, 240)}M", "--live")
    stage.sleep(8)
    try_quietly(lambda: guest.agent.ask(f"fill {stage.pick(200, 260)}", timeout_s=40))
    guest.agent.wait_until_up(timeout_s=180)  # starved, it may take its time to say a word
    stage.keep_guest_log(guest)


SCENARIO = Scenario(
    id="over-inflated",
    title="the balloon starves the guest",
    bench="plain",
    seconds=90,
    bring_about=bring_about,
    ends_host=False,
    needs_full_record=False,
    proof_in="guest",
    is_incident=True,
)
