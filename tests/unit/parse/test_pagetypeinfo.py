"""/proc/pagetypeinfo: types from the file, counts that stop at 100,000, a text for each node."""

from __future__ import annotations

import pytest
from kernel_samples import ARM64_CMA, DEBIAN, EL8, HERE, MANY_NODES, sample

from kvmedic.errors import ParseError
from kvmedic.parse.buddyinfo import parse_buddyinfo
from kvmedic.parse.pagetypeinfo import parse_pagetypeinfo

PATH = "proc/pagetypeinfo"


def test_every_node_repeats_the_whole_text() -> None:
    info = parse_pagetypeinfo(sample(DEBIAN, PATH), PATH)

    assert [(node, zone, types["Movable"]) for node, zone, types in info.pageblocks] == [
        (0, "DMA", 7),
        (0, "DMA32", 170),
        (1, "DMA32", 177),
    ]
    assert {row.node for row in info.free} == {0, 1}


def test_migratetypes_are_those_of_the_file() -> None:
    info = parse_pagetypeinfo(sample(ARM64_CMA, PATH), PATH)

    assert list(info.pageblocks[0][2]) == [
        "Unmovable",
        "Movable",
        "Reclaimable",
        "HighAtomic",
        "CMA",
        "Isolate",
    ]
    assert info.pageblocks[0][2]["CMA"] == 1
    assert info.pageblock_order == 13


def test_the_table_of_mixed_blocks_is_passed_over() -> None:
    assert "Number of mixed blocks" in sample(ARM64_CMA, PATH)
    assert len(parse_pagetypeinfo(sample(ARM64_CMA, PATH), PATH).pageblocks) == 2


def test_a_count_at_which_the_kernel_stopped_is_a_lower_bound() -> None:
    rows = {(row.node, row.migratetype): row for row in parse_pagetypeinfo(sample(EL8, PATH), PATH).free}

    assert rows[0, "Movable"].free_blocks[:3] == (100000, 100000, 60000)
    assert rows[0, "Movable"].lower_bounds == (0, 1)
    assert rows[0, "Unmovable"].lower_bounds == ()


@pytest.mark.parametrize("kernel", [DEBIAN, MANY_NODES, HERE])
def test_large_free_blocks_add_up_to_buddyinfo(kernel: str) -> None:
    info = parse_pagetypeinfo(sample(kernel, PATH), PATH)
    for area in parse_buddyinfo(sample(kernel, "proc/buddyinfo"), "proc/buddyinfo"):
        rows = [row for row in info.free if (row.node, row.zone) == (area.node, area.zone)]

        assert abs(sum(row.free_blocks[-1] for row in rows) - area.free_blocks[-1]) <= 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "Page block order:"),
        ("cat: /proc/pagetypeinfo: Permission denied\n", "Page block order:"),
        ("Page block order: 9\n", "Number of blocks type"),
        ("Page block order: 9\nPage block order: 10\n", "order 9, as for the first node"),
        ("Page block order: 9\nNode 0, zone DMA, type Movable\n", "a row such as"),
        (
            "Page block order: 9\nNumber of blocks type Movable CMA\nNode 0, zone DMA 1\n",
            "2 numbers of pageblocks",
        ),
    ],
)
def test_what_is_cut_is_refused(text: str, expected: str) -> None:
    with pytest.raises(ParseError, match=expected):
        parse_pagetypeinfo(text, PATH)
