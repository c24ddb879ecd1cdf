"""The rule of qemu-memory-growth."""

from __future__ import annotations

from snapshots import GONE, domain, outcome, process, short, snapshot

from kvmedic.diagnose.causes.qemu_memory_growth import ALLOWED_BYTES, examine
from kvmedic.model.finding import Severity
from kvmedic.units import GIB, MIB


def test_present_where_qemu_holds_far_more_than_its_guest_may() -> None:
    found = examine(snapshot(domain(rss_bytes=14 * GIB), memory_facts=short())).findings[0]

    assert found.severity is Severity.WARNING
    assert 0.6 <= found.confidence < 0.9
    assert "6.0 GiB more than its guest may have" in found.summary


def test_absent_for_the_ordinary_overhead_of_a_guest_of_8_gib() -> None:
    assert outcome(examine(snapshot(domain(rss_bytes=int(8.9 * GIB))))) == "absent"


def test_boundary_is_what_an_ordinary_qemu_may_need() -> None:
    allowed = 8 * GIB + ALLOWED_BYTES

    assert outcome(examine(snapshot(domain(rss_bytes=allowed)))) == "absent"
    assert outcome(examine(snapshot(domain(rss_bytes=allowed + 1)))) == "present"


def test_the_translated_code_of_an_emulated_guest_is_no_growth() -> None:
    emulated = domain(memory_max_bytes=512 * MIB, rss_bytes=int(1.7 * GIB), is_emulated=True)

    assert outcome(examine(snapshot(emulated))) == "absent"
    assert (
        outcome(examine(snapshot(domain(memory_max_bytes=512 * MIB, rss_bytes=int(1.7 * GIB))))) == "present"
    )


def test_missing_rss_or_maximum_leave_it_open() -> None:
    assert outcome(examine(snapshot(domain(rss_bytes=GONE)))) == "undetermined"
    assert outcome(examine(snapshot(domain(memory_max_bytes=GONE)))) == "undetermined"


def test_a_level_without_history_is_possible() -> None:
    assert examine(snapshot(domain(rss_bytes=9 * GIB + 200 * MIB))).findings[0].confidence < 0.6


def test_a_guest_on_hugetlb_is_not_in_rss() -> None:
    leaking = domain(backing="hugetlb", rss_bytes=6 * GIB)
    ordinary = domain(backing="hugetlb", rss_bytes=300 * MIB)

    assert outcome(examine(snapshot(leaking))) == "present"
    assert outcome(examine(snapshot(ordinary))) == "absent"


def test_swapped_memory_counts() -> None:
    out = domain(rss_bytes=2 * GIB, process=process(swap_bytes=12 * GIB))

    assert outcome(examine(snapshot(out))) == "present"
