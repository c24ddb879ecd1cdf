"""The rule of balloon-over-inflated."""

from __future__ import annotations

from snapshots import GONE, domain, guest, guest_rates, outcome, snapshot, texts

from kvmedic.diagnose.causes.balloon_over_inflated import examine
from kvmedic.diagnose.verdicts import LIKELY, PROVEN
from kvmedic.model.domain import DomainFacts
from kvmedic.model.finding import Severity
from kvmedic.units import GIB, MIB


def ballooned(actual: int, usable: int | None, **changes: object) -> DomainFacts:
    has_now = guest(usable=usable, available_bytes=actual, **changes)
    return domain(balloon_actual_bytes=actual, guest=has_now)


def test_present_where_the_guest_can_use_next_to_nothing() -> None:
    found = examine(snapshot(ballooned(2 * GIB, 50 * MIB, swap_out_bytes=1 * GIB))).findings[0]

    assert found.severity is Severity.WARNING
    assert "deflate-balloon" in found.remedies
    assert any("a total, not a rate" in line.text for line in found.because)


def test_absent_where_the_balloon_is_not_inflated_however_tight_the_guest() -> None:
    tight = domain(guest=guest(usable=10 * MIB))

    judgement = examine(snapshot(tight))

    assert outcome(judgement) == "absent"
    assert "not inflated" in texts(judgement)


def test_boundary_lies_at_a_tenth_of_what_the_guest_has() -> None:
    has = 5000 * MIB

    assert outcome(examine(snapshot(ballooned(has, 499 * MIB)))) == "present"
    assert outcome(examine(snapshot(ballooned(has, 500 * MIB)))) == "absent"


def test_missing_where_the_guest_says_nothing_or_nothing_new() -> None:
    silent = domain(balloon_actual_bytes=2 * GIB, guest=GONE)
    stale = ballooned(2 * GIB, 50 * MIB, is_fresh=False)

    assert outcome(examine(snapshot(silent))) == "undetermined"
    assert outcome(examine(snapshot(stale))) == "undetermined"
    assert outcome(examine(snapshot(domain(balloon_actual_bytes=GONE)))) == "undetermined"


def test_a_large_balloon_in_a_guest_that_is_well_is_no_fault() -> None:
    healthy_twin = ballooned(2 * GIB, 1968 * MIB)

    assert outcome(examine(snapshot(healthy_twin))) == "absent"


def test_a_large_balloon_in_a_guest_that_may_starve_is_not_cleared_without_rates() -> None:
    sick_twin = ballooned(1664 * MIB, 1413 * MIB, major_faults=9_000_000)

    judgement = examine(snapshot(sick_twin))

    assert outcome(judgement) == "undetermined"
    assert "totals are no rates" in texts(judgement)


def test_a_large_balloon_in_a_guest_at_rest_is_cleared_once_its_rates_are_known() -> None:
    at_rest = ballooned(1664 * MIB, 1413 * MIB, major_faults=9_000_000, rates=guest_rates())

    judgement = examine(snapshot(at_rest))

    assert outcome(judgement) == "absent"
    assert "at rest" in texts(judgement)


def test_a_guest_without_room_for_its_cache_is_found_by_its_major_faults() -> None:
    sick_twin = ballooned(1664 * MIB, 1413 * MIB, rates=guest_rates(major_faults_per_s=400.0))

    found = examine(snapshot(sick_twin)).findings[0]

    assert (found.severity, found.confidence) == (Severity.WARNING, LIKELY)
    assert any("400 major faults a second (within 10 s)" in line.text for line in found.because)


def test_next_to_nothing_usable_and_swapping_both_ways_is_proof() -> None:
    swapping = guest_rates(swap_in_bytes_per_s=2.0 * MIB, swap_out_bytes_per_s=2.0 * MIB)

    found = examine(snapshot(ballooned(2 * GIB, 50 * MIB, rates=swapping))).findings[0]

    assert found.confidence == PROVEN
    assert "swaps the same memory out and in" in found.summary


def test_what_was_swapped_out_and_never_wanted_again_is_no_swapping() -> None:
    one_way = guest_rates(swap_in_bytes_per_s=0.0, swap_out_bytes_per_s=20.0 * MIB)

    assert outcome(examine(snapshot(ballooned(1664 * MIB, 1413 * MIB, rates=one_way)))) == "absent"


def test_libvirts_available_is_not_memavailable() -> None:
    much_total_little_usable = domain(
        balloon_actual_bytes=4 * GIB, guest=guest(usable=40 * MIB, available_bytes=4 * GIB)
    )
    only_total_is_known = domain(
        balloon_actual_bytes=4 * GIB, guest=guest(usable=None, available_bytes=4 * GIB)
    )

    assert outcome(examine(snapshot(much_total_little_usable))) == "present"
    assert outcome(examine(snapshot(only_total_is_known))) == "undetermined"


def test_two_to_the_64_minus_one_is_no_value() -> None:
    """Derivation hands such a statistic on as None; the rule takes None for unknown, never for plenty."""
    assert outcome(examine(snapshot(ballooned(4 * GIB, None)))) == "undetermined"


def test_a_domain_without_a_balloon_is_cleared() -> None:
    assert outcome(examine(snapshot(domain(balloon_driver="none", balloon_actual_bytes=GONE)))) == "absent"
