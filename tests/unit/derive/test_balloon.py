"""Whether the driver in the guest answers, and how old its figures are."""

from __future__ import annotations

import pytest

from kvmedic.derive.balloon import balloon_bytes, derive_driver, derive_guest_statistics
from kvmedic.model.domain import DriverState
from kvmedic.model.gap import Missing, Reason
from kvmedic.units import GIB, KIB

GAP = Missing(source="virsh domstats", reason=Reason.TIMED_OUT, detail="hung")
FULL = {"balloon.current": "1048576", "balloon.maximum": "1048576"}


@pytest.mark.parametrize(
    ("model", "stats", "period_s", "actual", "driver"),
    [
        ("none", FULL, None, GIB, "none"),
        ("virtio", {**FULL, "balloon.last-update": "1700000000"}, 2, GIB, "alive"),
        ("virtio", {**FULL, "balloon.last-update": "0"}, 2, GIB, "silent"),
        ("virtio", {**FULL, "balloon.last-update": "0"}, 2, GIB // 2, "alive"),
        ("virtio", GAP, None, GIB // 2, "alive"),
    ],
)
def test_the_driver_is_judged_by_what_it_did(
    model: str, stats: dict[str, str] | Missing, period_s: int | None, actual: int, driver: DriverState
) -> None:
    assert derive_driver(model, stats, period_s, GIB, actual) == driver


@pytest.mark.parametrize(("stats", "period_s"), [(FULL, None), (FULL, 0), (GAP, 2)])
def test_where_nothing_could_have_shown_the_driver_it_is_a_gap(
    stats: dict[str, str] | Missing, period_s: int | None
) -> None:
    assert isinstance(derive_driver("virtio", stats, period_s, GIB, GIB), Missing)


@pytest.mark.parametrize(
    ("age_s", "is_fresh"), [(0, True), (40, True), (41, False), (3600, False), (-5, True)]
)
def test_figures_are_fresh_for_three_periods_and_some_slack(age_s: int, is_fresh: bool) -> None:
    stats = {**FULL, "balloon.last-update": str(1_700_000_000 - age_s)}
    found = derive_guest_statistics(stats, GAP, 10, 1_700_000_000.0)
    assert not isinstance(found, Missing)
    assert found.is_fresh is is_fresh


def test_an_update_at_0_is_never_and_never_is_not_old() -> None:
    found = derive_guest_statistics({**FULL, "balloon.last-update": "0"}, GAP, 2, 1_700_000_000.0)
    assert not isinstance(found, Missing)
    assert (found.last_update_at, found.age_s, found.is_fresh) == (0, None, False)


def test_available_is_the_guests_total_and_usable_what_it_can_take() -> None:
    stats = {
        **FULL,
        "balloon.available": "1000",
        "balloon.usable": "400",
        "balloon.unused": "18446744073709551615",
    }
    found = derive_guest_statistics(stats, GAP, 2, 1.0)
    assert not isinstance(found, Missing)
    assert (found.available_bytes, found.usable_bytes, found.unused_bytes) == (1000 * KIB, 400 * KIB, None)


def test_a_busy_domain_without_figures_is_a_gap() -> None:
    assert isinstance(derive_guest_statistics({"state.state": "1"}, GAP, 2, 1.0), Missing)
    assert derive_guest_statistics(GAP, GAP, 2, 1.0) == GAP
    assert isinstance(balloon_bytes({}, "current"), Missing)
