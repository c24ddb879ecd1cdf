"""The rule of balloon-undone."""

from __future__ import annotations

import msgspec
import pytest
from snapshots import GONE, domain, outcome, rates, snapshot, texts, thp

from kvmedic.diagnose.causes.balloon_undone import examine
from kvmedic.diagnose.verdicts import LIKELY, POSSIBLE
from kvmedic.model.domain import DomainFacts, DomainGrowth
from kvmedic.units import GIB, KIB, MIB


def refilled(rss: int = 2 * GIB - 280 * MIB) -> DomainFacts:
    """The guest of facts that were measured: 2 GiB, balloon 748 MiB, then RSS back near the maximum."""
    return domain(memory_max_bytes=2 * GIB, balloon_actual_bytes=1300 * MIB, rss_bytes=rss)


def test_present_where_resident_memory_is_back() -> None:
    found = examine(snapshot(refilled(), memory_facts={"rates": rates(thp_collapse_alloc=3.0)})).findings[0]

    assert "3.0 huge pages a second" in " ".join(line.text for line in found.because)


def test_absent_where_resident_memory_fell_with_the_balloon() -> None:
    assert outcome(examine(snapshot(refilled(rss=1310 * MIB)))) == "absent"


def test_boundary_is_what_qemu_itself_may_need() -> None:
    allowed = 1300 * MIB + 256 * MIB

    assert outcome(examine(snapshot(refilled(rss=allowed)))) == "absent"
    assert outcome(examine(snapshot(refilled(rss=allowed + 1)))) == "present"


@pytest.mark.parametrize("gap", ["rss_bytes", "balloon_actual_bytes"])
def test_missing_where_rss_or_actual_is_not_known(gap: str) -> None:
    assert (
        outcome(examine(snapshot(domain("web-1", **{"balloon_actual_bytes": 4 * GIB, gap: GONE}))))
        == "undetermined"
    )


def test_missing_where_khugepaged_cannot_be_read() -> None:
    assert outcome(examine(snapshot(refilled(), memory_facts={"thp": GONE}))) == "undetermined"


def test_one_snapshot_is_never_more_than_possible() -> None:
    assert examine(snapshot(refilled())).findings[0].confidence < 0.6


def growing(**changes: object) -> DomainFacts:
    """The refilled guest, seen while khugepaged is at it."""
    seen = DomainGrowth(interval_s=10.0, balloon_actual_bytes=0, rss_bytes=12 * MIB, thp_bytes=24 * MIB)
    return msgspec.structs.replace(refilled(), growth=msgspec.structs.replace(seen, **changes))


AT_IT = {"rates": rates(thp_collapse_alloc=1.2)}


def test_khugepaged_seen_at_it_makes_it_likely_and_never_proven() -> None:
    found = examine(snapshot(growing(), memory_facts=AT_IT)).findings[0]

    assert found.confidence == LIKELY
    assert "is filling the holes of its balloon" in found.summary
    assert "RSS grew by 12.0 MiB within 10 s while actual stood still, 24.0 MiB more in huge pages" in {
        line.text for line in found.because
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"balloon_actual_bytes": 64 * MIB},
        {"balloon_actual_bytes": None},
        {"thp_bytes": 0},
        {"thp_bytes": None},
        {"rss_bytes": 100 * KIB},
    ],
)
def test_growth_that_something_else_explains_stays_possible(changes: dict[str, object]) -> None:
    found = examine(snapshot(growing(**changes), memory_facts=AT_IT)).findings[0]

    assert found.confidence == POSSIBLE


def test_huge_pages_from_faults_may_be_the_guests_own() -> None:
    few = {"rates": rates(thp_collapse_alloc=1.2, thp_fault_alloc=0.5)}
    enough = {"rates": rates(thp_collapse_alloc=1.2, thp_fault_alloc=1.15)}

    assert examine(snapshot(growing(), memory_facts=few)).findings[0].confidence == LIKELY
    assert examine(snapshot(growing(), memory_facts=enough)).findings[0].confidence == POSSIBLE
    assert examine(snapshot(growing(), memory_facts={"rates": GONE})).findings[0].confidence == POSSIBLE


def test_khugepaged_that_fills_no_holes_is_innocent() -> None:
    tuned = {"thp": thp(max_ptes_none="0")}

    assert "fills no holes" in texts(examine(snapshot(refilled(), memory_facts=tuned)))


def test_a_balloon_that_never_worked_was_not_undone() -> None:
    pinned = domain(balloon_actual_bytes=4 * GIB, discards_inhibited_by=("vfio",))

    assert outcome(examine(snapshot(pinned))) == "absent"


def test_missing_need_leaves_it_open() -> None:
    assert outcome(examine(snapshot(refilled(), memory_facts={"meminfo": GONE}))) == "undetermined"


def test_huge_pages_that_are_off_fill_nothing() -> None:
    assert outcome(examine(snapshot(refilled(), memory_facts={"thp": thp(enabled="never")}))) == "absent"


def test_a_domain_without_a_balloon_is_cleared() -> None:
    assert outcome(examine(snapshot(domain(balloon_driver="none")))) == "absent"
