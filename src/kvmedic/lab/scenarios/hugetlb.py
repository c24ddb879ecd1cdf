"""A balloon is inflated in a guest on hugetlb pages: nothing comes back."""

from __future__ import annotations

from kvmedic.lab.domain_xml import Backing, GuestWish
from kvmedic.lab.scenario import Scenario
from kvmedic.lab.stage import Stage


def bring_about(stage: Stage) -> None:
    """Inflate, and look at what the host has got."""
    size = stage.pick(256, 320)
    stage.sh(f"echo {size // 2 + 8} > /proc/sys/vm/nr_hugepages")
    guest = stage.lively("ledger-01", GuestWish(memory_mib=size, backing=Backing.HUGETLB))
    guest.agent.ask(f"contiguous {size - 100}", timeout_s=60)
    guest.set_balloon(size - stage.pick(110, 140), timeout_s=200)


SCENARIO = Scenario(
    id="hugetlb",
    title="a balloon on hugetlb pages",
    bench="plain",
    seconds=90,
    bring_about=bring_about,
    ends_host=False,
    needs_full_record=True,
    proof_in="state",
    is_incident=True,
)
