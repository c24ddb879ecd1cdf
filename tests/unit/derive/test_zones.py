"""Free blocks and both fragmentation indices, against the kernel's own where it told them."""

from __future__ import annotations

import pytest
from host_samples import UNKNOWN, files_of
from hypothesis import example, given
from hypothesis import strategies as st

from kvmedic.derive.zones import (
    blocks_at_least,
    derive_zones,
    fragmentation_thousandths,
    unusable_thousandths,
)
from kvmedic.model.gap import Missing
from kvmedic.model.memory import FreeArea
from kvmedic.parse.buddyinfo import parse_buddyinfo
from kvmedic.parse.extfrag import parse_extfrag
from kvmedic.parse.zoneinfo import parse_zoneinfo

blocks_by_order = st.lists(st.integers(0, 10**6), min_size=1, max_size=14)


def test_larger_blocks_count_as_many_small_ones() -> None:
    assert blocks_at_least((3, 2, 0, 1)) == (3 + 4 + 8, 2 + 4, 2, 1)


@pytest.mark.parametrize(
    ("free_blocks", "order", "thousandths"),
    [
        ((0, 0, 0), 0, 1000),  # no free memory: all of it is unusable
        ((4, 0, 0), 0, 0),
        ((4, 0, 0), 2, 1000),
        ((4, 2, 1), 2, 666),  # 8 of 12 pages; the kernel cuts off
        ((198855, 0, 0, 0, 0, 0, 0, 0, 0, 47), 9, 892),
    ],
)
def test_the_unusable_index_is_the_kernel_s(
    free_blocks: tuple[int, ...], order: int, thousandths: int
) -> None:
    assert unusable_thousandths(free_blocks, order) == thousandths


@pytest.mark.parametrize(
    ("free_blocks", "order", "thousandths"),
    [
        ((0, 0, 0), 1, 0),  # nothing free: a lack of memory
        ((0, 0, 1), 2, -1000),  # it would succeed
        ((1, 0, 0, 0), 3, -125),  # 1000 − (1000 + 125) ÷ 1
        ((0, 0, 1, 0), 3, -500),  # the lowest there is: one block of the next lower order
        ((100000, 0, 0, 0), 3, 875),
        ((10, 0, 0, 0, 0, 0, 0, 0, 0, 0), 9, 899),
    ],
)
def test_the_fragmentation_index_is_the_kernel_s(
    free_blocks: tuple[int, ...], order: int, thousandths: int
) -> None:
    assert fragmentation_thousandths(free_blocks, order) == thousandths


def test_indices_of_a_fragmented_host_equal_what_its_kernel_told() -> None:
    files = files_of("6.1-fragmented")
    areas = parse_buddyinfo(files["proc/buddyinfo"].decode(), "proc/buddyinfo")
    for name, index in (
        ("unusable_index", unusable_thousandths),
        ("extfrag_index", fragmentation_thousandths),
    ):
        told = parse_extfrag(files[f"sys/kernel/debug/extfrag/{name}"].decode(), name)

        assert len(told) == len(areas) == 3
        for row, area in zip(told, areas, strict=True):
            ours = tuple(index(area.free_blocks, order) for order in range(len(area.free_blocks)))
            assert (row.node, row.zone, row.thousandths) == (area.node, area.zone, ours)


@given(blocks_by_order)
@example([42667, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])  # whole thousandths: the kernel rounds it up to all of them
def test_indices_stay_in_their_bounds(free_blocks: list[int]) -> None:
    for order in range(len(free_blocks)):
        assert 0 <= unusable_thousandths(free_blocks, order) <= 1000
        fragmentation = fragmentation_thousandths(free_blocks, order)
        assert fragmentation == -1000 or -500 <= fragmentation <= 1000
        assert (fragmentation == -1000) == (blocks_at_least(free_blocks)[order] > 0)


@given(blocks_by_order)
def test_a_higher_order_never_finds_more_usable_memory(free_blocks: list[int]) -> None:
    unusable = [unusable_thousandths(free_blocks, order) for order in range(len(free_blocks))]

    assert unusable == sorted(unusable)


def test_a_zone_has_its_watermarks_by_node_and_name() -> None:
    files = files_of("4.18-el8-by-format")
    areas = parse_buddyinfo(files["proc/buddyinfo"].decode(), "proc/buddyinfo")
    zones = derive_zones(areas, parse_zoneinfo(files["proc/zoneinfo"].decode(), "proc/zoneinfo"))

    assert not isinstance(zones, Missing)
    of_node_1 = zones[3]
    assert not isinstance(of_node_1.zoneinfo, Missing)
    assert (of_node_1.node, of_node_1.zone, of_node_1.zoneinfo.min_pages) == (1, "Normal", 8161)
    assert of_node_1.free_pages == 200123 + 9102 * 2 + 12 * 4
    assert of_node_1.blocks_at_least[3] == 0
    assert of_node_1.fragmentation_index[3] is not None


def test_without_buddyinfo_the_zones_are_a_gap() -> None:
    assert derive_zones(UNKNOWN, ()) is UNKNOWN


def test_without_zoneinfo_each_zone_carries_the_gap() -> None:
    area = FreeArea(node=0, zone="Normal", free_blocks=(1, 2))

    zones = derive_zones((area,), UNKNOWN)

    assert not isinstance(zones, Missing)
    assert zones[0].zoneinfo is UNKNOWN


def test_a_zone_that_zoneinfo_does_not_know_says_so() -> None:
    zones = derive_zones((FreeArea(node=7, zone="Normal", free_blocks=(1,)),), ())

    assert not isinstance(zones, Missing)
    assert str(zones[0].zoneinfo) == "proc/zoneinfo: no zone Normal of node 7"
