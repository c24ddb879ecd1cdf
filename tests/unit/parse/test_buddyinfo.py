"""/proc/buddyinfo."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_samples import ARM64_CMA, DEBIAN, MANY_NODES, sample, samples

from kvmedic.errors import ParseError
from kvmedic.model.memory import FreeArea
from kvmedic.parse.buddyinfo import parse_buddyinfo

PATH = "proc/buddyinfo"


def printed(areas: list[FreeArea]) -> str:
    """``areas`` as the kernel prints them."""
    rows = (
        f"Node {area.node}, zone {area.zone:>8} " + "".join(f"{blocks:6d} " for blocks in area.free_blocks)
        for area in areas
    )
    return "\n".join(rows) + "\n"


def test_a_row_gives_node_zone_and_free_blocks_by_order() -> None:
    areas = parse_buddyinfo(sample(DEBIAN, PATH), PATH)

    assert areas[2] == FreeArea(node=1, zone="DMA32", free_blocks=(3, 2, 1, 3, 2, 1, 2, 1, 1, 1, 86))


def test_zones_of_the_same_name_on_many_nodes_stay_apart() -> None:
    areas = parse_buddyinfo(sample(MANY_NODES, PATH), PATH)

    assert [area.node for area in areas if area.zone == "DMA32"] == [0, 1, 2, 3, 4]
    assert [area.node for area in areas if area.zone == "Normal"] == [4, 5, 6, 7]


def test_the_number_of_orders_is_the_row_s_own() -> None:
    assert {len(area.free_blocks) for area in parse_buddyinfo(sample(ARM64_CMA, PATH), PATH)} == {14}


@pytest.mark.parametrize("kernel", samples(PATH))
def test_every_sample_can_be_printed_again(kernel: str) -> None:
    text = sample(kernel, PATH)

    assert printed(list(parse_buddyinfo(text, PATH))) == text


def test_a_row_with_fewer_orders_is_refused_because_it_is_cut() -> None:
    cut = "Node 0, zone DMA32 1 2 3\nNode 0, zone Normal 1 2\n"

    with pytest.raises(ParseError) as caught:
        parse_buddyinfo(cut, PATH)

    assert str(caught.value) == (
        "proc/buddyinfo:2: expected 3 orders, as in the first row, found 'Node 0, zone Normal 1 2'"
    )


@pytest.mark.parametrize(
    "text", ["", "\n\n", "Node 0, zone Normal\n", "Node 0 zone Normal 1\n", "cat: denied\n"]
)
def test_what_is_no_buddyinfo_is_refused(text: str) -> None:
    with pytest.raises(ParseError, match="a row such as"):
        parse_buddyinfo(text, PATH)


@given(
    st.integers(1, 16).flatmap(
        lambda orders: st.lists(
            st.builds(
                FreeArea,
                node=st.integers(0, 1023),
                zone=st.sampled_from(["DMA", "DMA32", "Normal", "Movable", "Device"]),
                free_blocks=st.tuples(*[st.integers(0, 2**64 - 1)] * orders),
            ),
            min_size=1,
            max_size=8,
        )
    )
)
def test_what_is_printed_is_read_back(areas: list[FreeArea]) -> None:
    assert parse_buddyinfo(printed(areas), PATH) == tuple(areas)
