"""Two balloons inflate and deflate in turns: the host's blocks decay."""

from __future__ import annotations

from kvmedic.lab.domain_xml import GuestWish
from kvmedic.lab.scenario import Scenario
from kvmedic.lab.stage import Stage


def bring_about(stage: Stage) -> None:
    """Move memory from one guest to the other and back, many times."""
    pair = [
        stage.lively(name, GuestWish(memory_mib=300, orders=("punch 150",))) for name in ("tug-01", "tug-02")
    ]
    for turn in range(stage.pick(4, 8)):
        pair[turn % 2].set_balloon(220, timeout_s=120)
        pair[1 - turn % 2].set_balloon(290, timeout_s=120)
        stage.sh("echo 2 > /proc/sys/vm/drop_caches")


SCENARIO = Scenario(
    id="tug-of-war",
    title="balloons inflate and deflate in turns",
    bench="plain",
    seconds=240,
    bring_about=bring_about,
    ends_host=False,
    needs_full_record=True,
    proof_in="state",
    is_incident=False,
)
