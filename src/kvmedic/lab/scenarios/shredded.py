"""Released memory comes back as single pages: the host has memory and no blocks."""

from __future__ import annotations

from kvmedic.lab.domain_xml import GuestWish
from kvmedic.lab.scenario import Scenario
from kvmedic.lab.stage import Stage


def bring_about(stage: Stage) -> None:
    """Fill the host, inflate in a fragmented guest, release: all that is free then is holes."""
    guest = stage.lively("shop-04", GuestWish(memory_mib=512, orders=("punch 360",)))
    stage.still("web-01", max(stage.free_mib() - 60, 16))
    guest.set_balloon(stage.pick(360, 350), timeout_s=200)
    stage.sh("echo 2 > /proc/sys/vm/drop_caches")


SCENARIO = Scenario(
    id="shredded",
    title="released memory comes back as single pages",
    bench="plain",
    seconds=120,
    bring_about=bring_about,
    ends_host=False,
    needs_full_record=True,
    proof_in="state",
    is_incident=False,
)
