"""Balloons deflate on a host that has given their memory to others: a global kill."""

from __future__ import annotations

from kvmedic.lab.domain_xml import GuestWish
from kvmedic.lab.scenario import Scenario
from kvmedic.lab.stage import Stage, try_quietly


def bring_about(stage: Stage) -> None:
    """A guest gives memory up, another guest gets it, and the first takes its own back."""
    guest = stage.lively("mail-01", GuestWish(memory_mib=512, orders=("contiguous 380",)))
    guest.set_balloon(stage.pick(190, 170), timeout_s=300)
    stage.still("batch-02", stage.free_mib() - stage.pick(110, 90))
    guest.host.virsh("setmem", guest.name, "512M", "--live")
    try_quietly(lambda: guest.agent.ask("contiguous 470", timeout_s=60))
    stage.wait_for_log("Out of memory: Killed process")


SCENARIO = Scenario(
    id="deflate-oom",
    title="balloons deflate on an overcommitted host",
    bench="plain",
    seconds=120,
    bring_about=bring_about,
    ends_host=False,
    needs_full_record=False,
    proof_in="kernel",
    is_incident=True,
)
