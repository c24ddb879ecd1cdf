"""Free blocks of one order, and who may have them."""

from __future__ import annotations

import msgspec
from snapshots import GONE, PLENTY, VCPU, outcome, rates, snapshot, zone

from kvmedic.diagnose.causes import memory_fragmented
from kvmedic.diagnose.fragmentation import blocks_of_order, compaction_line, failing_share, may_give


def test_an_order_that_no_zone_has_is_none() -> None:
    gigantic = msgspec.structs.replace(VCPU, order=18)

    assert blocks_of_order((zone(),), 18) is None
    assert blocks_of_order((), 0) is None
    assert (
        outcome(memory_fragmented.examine(snapshot(memory_facts={"demanded_orders": (gigantic,)})))
        == "absent"
    )


def test_a_zone_without_watermarks_gets_the_benefit_of_the_doubt() -> None:
    assert may_give(msgspec.structs.replace(zone(), zoneinfo=GONE), 4)


def test_a_zone_gives_down_to_its_min_watermark() -> None:
    assert may_give(zone(PLENTY, minimum=sum(n << o for o, n in enumerate(PLENTY)) - 16), 4)
    assert not may_give(zone(PLENTY, minimum=sum(n << o for o, n in enumerate(PLENTY)) - 15), 4)


def test_compaction_is_told_as_a_share_of_what_is_tried_now() -> None:
    failing = snapshot(memory_facts={"rates": rates(compact_stall=10.0, compact_fail=9.0)})
    overlapping = snapshot(memory_facts={"rates": rates(compact_stall=10.0, compact_fail=12.0)})

    assert failing_share(failing) == 0.9
    assert failing_share(overlapping) == 1.0, "an attempt may end in the interval after it began"
    assert failing_share(snapshot()) is None
    assert compaction_line(snapshot()) is None
