"""How fast a guest swaps and faults, from two of its own reports."""

from __future__ import annotations

from kvmedic.derive.guest_rates import derive_guest_rates
from kvmedic.model.gap import Missing, Reason
from kvmedic.units import KIB

GAP = Missing(source="virsh domstats", reason=Reason.NOT_COLLECTED, detail="there is no second reading of it")


def report(at: int, **counters: int) -> dict[str, str]:
    return {"balloon.last-update": str(at)} | {
        f"balloon.{key}": str(value) for key, value in counters.items()
    }


def reason_of(
    first: dict[str, str] | Missing, again: dict[str, str] | Missing, period_s: int | None = 10
) -> str:
    found = derive_guest_rates(first, again, period_s)
    assert isinstance(found, Missing)
    return found.detail


def test_growth_is_divided_by_the_time_between_the_guests_reports_and_not_by_ours() -> None:
    rates = derive_guest_rates(
        report(1000, swap_in=100, swap_out=4000, major_fault=7),
        report(1010, swap_in=1100, swap_out=4000, major_fault=57),
        10,
    )

    assert not isinstance(rates, Missing)
    assert (rates.interval_s, rates.swap_in_bytes_per_s) == (10.0, 100.0 * KIB)
    assert (rates.swap_out_bytes_per_s, rates.major_faults_per_s) == (0.0, 5.0)


def test_the_same_report_seen_twice_is_no_rate_of_zero() -> None:
    same = report(1000, swap_in=5, swap_out=5, major_fault=5)

    assert "--interval 12 sees two reports" in reason_of(same, same)
    assert "no period is set" in reason_of(same, same, None)


def test_a_guest_that_never_reported_has_no_rates() -> None:
    assert "never reported" in reason_of(report(0), report(0))
    assert "never reported" in reason_of({}, report(1010))


def test_a_guest_that_booted_in_between_has_no_rates() -> None:
    assert "it booted" in reason_of(report(1000, swap_in=900), report(1010, swap_in=3))


def test_a_counter_of_2_to_the_64_minus_1_or_none_is_unknown_and_not_0() -> None:
    rates = derive_guest_rates(
        report(1000, swap_in=2**64 - 1, major_fault=1), report(1002, swap_in=2**64 - 1, major_fault=3), 2
    )

    assert not isinstance(rates, Missing)
    assert (rates.swap_in_bytes_per_s, rates.swap_out_bytes_per_s, rates.major_faults_per_s) == (
        None,
        None,
        1.0,
    )


def test_without_a_second_reading_its_gap_says_why() -> None:
    assert derive_guest_rates(report(1000), GAP, 10) == GAP
    assert derive_guest_rates(GAP, report(1000), 10) == GAP
