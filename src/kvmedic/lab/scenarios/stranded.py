"""A fragmented guest inflates its balloon: it gives memory up, the host gets none of it."""

from __future__ import annotations

from kvmedic.lab.domain_xml import GuestWish
from kvmedic.lab.scenario import Scenario
from kvmedic.lab.stage import Stage


def bring_about(stage: Stage) -> None:
    """Punch holes into the guest's memory, then inflate."""
    guest = stage.lively("shop-02", GuestWish(memory_mib=512, orders=("punch 320",)))
    guest.set_balloon(stage.pick(370, 390), timeout_s=200)


SCENARIO = Scenario(
    id="stranded",
    title="the balloon inflates and the host gets nothing",
    bench="plain",
    seconds=90,
    bring_about=bring_about,
    ends_host=False,
    needs_full_record=True,
    proof_in="state",
    is_incident=False,
)
