"""What several rules read in the same way."""

from __future__ import annotations

import pytest
from snapshots import GONE, domain, host, pressure, rates, snapshot, zone

from kvmedic.diagnose.readings import (
    count_of_list,
    direct_reclaims_per_second,
    full_percent,
    is_waiting,
    kernel_zones,
    numbers_of_list,
    per_second,
    pressure_lines,
    sysctl_number,
    teller_of_domains,
)
from kvmedic.model.gap import Missing
from kvmedic.model.zone_facts import Rates


def test_a_rate_adds_what_is_there_and_is_a_gap_where_nothing_is() -> None:
    seen = snapshot(memory_facts={"rates": rates(thp_fault_alloc=2.0, thp_fault_fallback=3.0)})

    assert per_second(seen, "thp_fault_alloc", "thp_fault_fallback") == 5.0
    assert per_second(seen, "thp_fault_alloc", "of_another_kernel") == 2.0
    assert isinstance(per_second(seen, "of_another_kernel"), Missing)
    assert per_second(snapshot(memory_facts={"rates": GONE}), "pswpin") is GONE


def test_direct_reclaims_are_those_of_all_zones_and_of_old_kernels() -> None:
    newer = snapshot(memory_facts={"rates": rates(allocstall_normal=1.0, allocstall_device=2.0)})
    older = snapshot(memory_facts={"rates": Rates(interval_s=1.0, per_second={"allocstall": 4.0})})
    strange = snapshot(memory_facts={"rates": Rates(interval_s=1.0, per_second={})})

    assert direct_reclaims_per_second(newer) == 3.0
    assert direct_reclaims_per_second(older) == 4.0
    assert isinstance(direct_reclaims_per_second(strange), Missing)


def test_pressure_that_nobody_measures_is_not_waiting() -> None:
    assert not is_waiting(GONE)
    assert pressure_lines(GONE, "io") == ()
    assert full_percent(pressure(50.0, None)) is None
    assert (
        pressure_lines(pressure(50.0, None), "cpu")[0].text
        == "some task waited for cpu 50 % of the last 10 s"
    )


def test_zones_that_serve_the_kernel() -> None:
    ordinary = (zone(name="DMA"), zone(name="DMA32"), zone(), zone(name="Movable"))

    assert [item.zone for item in kernel_zones(ordinary)] == ["DMA32", "Normal"]
    assert [item.zone for item in kernel_zones((zone(name="DMA"), zone(name="Device")))] == ["DMA"]


@pytest.mark.parametrize(
    ("kernel_list", "numbers"),
    [("0", {0}), ("0-3,8", {0, 1, 2, 3, 8}), ("", set()), ("all", set()), ("1,x,3-", {1, 3})],
)
def test_kernel_lists(kernel_list: str, numbers: set[int]) -> None:
    assert numbers_of_list(kernel_list) == numbers


def test_a_list_that_claims_a_billion_cpus_costs_no_memory() -> None:
    assert len(numbers_of_list("0-999999999")) <= 65_536
    assert count_of_list("nonsense") is None
    assert count_of_list(GONE) is None


def test_settings_that_are_no_number_are_not_read_as_one() -> None:
    seen = snapshot(host=host(sysctls={"vm.swappiness": "60", "vm.lowmem_reserve_ratio": "256 256 32"}))

    assert sysctl_number(seen, "vm.swappiness") == 60
    assert sysctl_number(seen, "vm.lowmem_reserve_ratio") is None
    assert sysctl_number(seen, "vm.not_there") is None


def test_libvirt_is_not_named_for_what_only_the_processes_told() -> None:
    assert teller_of_domains(snapshot(domain(source="process"))) == "QEMU arguments"
    assert teller_of_domains(snapshot(domain(source="process"), domain(source="status-xml"))) == "libvirt"
