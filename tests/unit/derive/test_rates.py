"""Rates need two readings of one boot; a total since boot is never one."""

from __future__ import annotations

import pytest
from host_samples import UNKNOWN, evidence

from kvmedic.derive.rates import derive_rates, is_counter
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.zone_facts import Rates

VMSTAT = "proc/vmstat"
BOOT_ID = "proc/sys/kernel/random/boot_id"


def rates_between(first: str, second: str, interval_s: float = 2.0, **more: str) -> Rates | Missing:
    """Rates of two texts of /proc/vmstat."""
    return derive_rates(evidence({VMSTAT: first.encode()}, {VMSTAT: second.encode()}, interval_s))


def test_growth_is_divided_by_the_interval() -> None:
    rates = rates_between("pgfault 100\ncompact_stall 4\n", "pgfault 150\ncompact_stall 4\n")

    assert not isinstance(rates, Missing)
    assert (rates.of("pgfault"), rates.of("compact_stall"), rates.interval_s) == (25.0, 0.0, 2.0)


def test_a_counter_that_fell_was_reset_and_is_left_out() -> None:
    rates = rates_between("pgfault 100\noom_kill 7\n", "pgfault 3\noom_kill 8\n")

    assert not isinstance(rates, Missing)
    assert rates.of("pgfault") is None
    assert rates.of("oom_kill") == 0.5


def test_a_counter_of_one_reading_only_has_no_rate() -> None:
    rates = rates_between("pgfault 1\n", "pgfault 1\nnew_counter 9\n")

    assert not isinstance(rates, Missing)
    assert rates.of("new_counter") is None


@pytest.mark.parametrize("level", ["nr_free_pages", "nr_anon_pages", "workingset_nodes", "nr_unstable"])
def test_levels_are_no_counters(level: str) -> None:
    assert not is_counter(level)


@pytest.mark.parametrize(
    "counter", ["nr_dirtied", "nr_vmscan_write", "workingset_refault_anon", "allocstall_normal"]
)
def test_counters_are_known_by_what_they_count(counter: str) -> None:
    assert is_counter(counter)


def test_one_reading_gives_no_rates() -> None:
    rates = derive_rates(evidence({VMSTAT: b"pgfault 1\n"}, {}, 2.0))

    assert isinstance(rates, Missing)
    assert rates.reason is Reason.NOT_COLLECTED


def test_a_reading_that_is_not_understood_gives_no_rates() -> None:
    rates = rates_between("pgfault 1\n", "pgfault one\n")

    assert isinstance(rates, Missing)
    assert rates.reason is Reason.NOT_UNDERSTOOD


def test_an_unknown_interval_gives_no_rates() -> None:
    assert derive_rates(evidence({VMSTAT: b"pgfault 1\n"}, {VMSTAT: b"pgfault 1\n"})) is UNKNOWN


@pytest.mark.parametrize("interval_s", [0.0, -1.0])
def test_no_time_between_the_readings_gives_no_rates(interval_s: float) -> None:
    rates = rates_between("pgfault 1\n", "pgfault 2\n", interval_s)

    assert isinstance(rates, Missing)
    assert rates.detail == "no time passed between the two readings"


@pytest.mark.parametrize(
    ("before", "after"),
    [({BOOT_ID: b"a\n"}, {BOOT_ID: b"b\n"}), ({"proc/uptime": b"90.1 1.0\n"}, {"proc/uptime": b"3.2 1.0\n"})],
)
def test_a_reboot_between_the_readings_gives_no_rates(
    before: dict[str, bytes], after: dict[str, bytes]
) -> None:
    files, again = {VMSTAT: b"pgfault 1\n"}, {VMSTAT: b"pgfault 2\n"}

    rates = derive_rates(evidence(files | before, again | after, 1.0))

    assert isinstance(rates, Missing)
    assert rates.detail == "the host was rebooted between the two readings"


def test_the_same_boot_id_lets_the_rates_stand() -> None:
    files = {VMSTAT: b"pgfault 1\n", BOOT_ID: b"a\n"}

    assert isinstance(derive_rates(evidence(files, files, 1.0)), Rates)
