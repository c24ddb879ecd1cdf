"""The rule of memory-fragmented."""

from __future__ import annotations

from snapshots import GONE, HUGE, PLENTY, VCPU, outcome, pressure, rates, snapshot, texts, zone

from kvmedic.diagnose.causes.memory_fragmented import examine
from kvmedic.diagnose.fragmentation import FEW_BLOCKS
from kvmedic.model.finding import Severity
from kvmedic.model.gap import Missing, Reason

SMALL_ONLY = (426_212, 143_208, 42_644, 13_656, 0, 0, 0, 0, 0, 0, 0)
"""Free blocks of a real host (its orders 5 to 10 were empty), with order 4 taken as well."""
FAILING = rates(compact_stall=100.0, compact_fail=91.0)


def test_present_where_no_block_of_a_demanded_order_is_left_and_compaction_fails() -> None:
    found = examine(snapshot(memory_facts={"zones": (zone(SMALL_ONLY),), "rates": FAILING})).findings[0]

    assert found.severity is Severity.CRITICAL
    assert found.confidence >= 0.9
    assert "91% of 100.0 direct compactions a second fail" in " ".join(line.text for line in found.because)
    assert found.subject.name == "node 0 zone Normal"


def test_absent_where_there_are_plenty() -> None:
    assert outcome(examine(snapshot())) == "absent"


def test_boundary_is_the_start_of_one_large_guest() -> None:
    few = (*SMALL_ONLY[:4], FEW_BLOCKS - 1, 0, 0, 0, 0, 0, 0)
    enough = (*SMALL_ONLY[:4], FEW_BLOCKS, 0, 0, 0, 0, 0, 0)

    assert outcome(examine(snapshot(memory_facts={"zones": (zone(few),)}))) == "present"
    assert outcome(examine(snapshot(memory_facts={"zones": (zone(enough),)}))) == "absent"


def test_missing_without_buddyinfo() -> None:
    assert outcome(examine(snapshot(memory_facts={"zones": GONE}))) == "undetermined"


def test_missing_order_of_a_vcpu_is_judged_by_the_largest_that_was_measured() -> None:
    hidden: dict[str, object] = {"kvm_vcpu_slab": GONE, "demanded_orders": ()}

    assert outcome(examine(snapshot(memory_facts=hidden))) == "absent"
    assert outcome(examine(snapshot(memory_facts=hidden | {"zones": (zone(SMALL_ONLY),)}))) == "undetermined"


def test_a_host_without_kvm_asks_for_no_vcpu() -> None:
    absent = Missing(source="sys/kernel/slab/kvm_vcpu", reason=Reason.NOT_FOUND, detail="")
    facts = {"kvm_vcpu_slab": absent, "demanded_orders": (), "zones": (zone(SMALL_ONLY),)}

    assert "nothing here asks" in texts(examine(snapshot(memory_facts=facts)))


def test_psi_alone_proves_nothing() -> None:
    assert outcome(examine(snapshot(memory_facts={"pressure_memory": pressure(90.0, 80.0)}))) == "absent"


def test_boot_totals_are_not_rates() -> None:
    """vmstat holds nine million compactions since boot, nearly all failed; nothing fails now."""
    judgement = examine(snapshot())
    nothing_now = examine(snapshot(memory_facts={"zones": (zone(SMALL_ONLY),), "rates": GONE}))

    assert outcome(judgement) == "absent"
    assert nothing_now.findings[0].severity is Severity.WARNING
    assert "compactions" not in texts(nothing_now)


def test_lack_of_memory_is_not_called_fragmentation() -> None:
    nearly_nothing = (3, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0)

    judgement = examine(snapshot(memory_facts={"zones": (zone(nearly_nothing),)}))

    assert outcome(judgement) == "absent"
    assert "lack of memory" in texts(judgement)


def test_movable_memory_cannot_serve_a_vcpu() -> None:
    zones = (zone(SMALL_ONLY), zone(PLENTY, name="Movable"))

    assert outcome(examine(snapshot(memory_facts={"zones": zones}))) == "present"


def test_another_node_can_serve_a_vcpu() -> None:
    zones = (zone(SMALL_ONLY), zone(PLENTY, node=1))

    assert outcome(examine(snapshot(memory_facts={"zones": zones}))) == "absent"


def test_huge_pages_fall_back_and_are_information() -> None:
    facts = {"zones": (zone((*SMALL_ONLY[:4], 100, 0, 0, 0, 0, 0, 0)),), "demanded_orders": (VCPU, HUGE)}

    found = examine(snapshot(memory_facts=facts)).findings

    assert [item.severity for item in found] == [Severity.INFO]


def test_blocks_behind_a_reserve_are_not_to_be_had() -> None:
    """On a large host DMA32 holds thousands of large blocks that a request for Normal may not take."""
    behind = zone(PLENTY, name="DMA32", protection=(0, 0, 5_000_000, 5_000_000))
    open_to_all = zone(PLENTY, name="DMA32", protection=(0, 0, 1000, 1000))

    assert outcome(examine(snapshot(memory_facts={"zones": (behind, zone(SMALL_ONLY))}))) == "present"
    assert outcome(examine(snapshot(memory_facts={"zones": (open_to_all, zone(SMALL_ONLY))}))) == "absent"
