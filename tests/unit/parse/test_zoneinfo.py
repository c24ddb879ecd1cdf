"""/proc/zoneinfo, from 4.18 to 7.1."""

from __future__ import annotations

import pytest
from kernel_samples import ARM64_CMA, EL8, HERE, MANY_NODES, NEWEST, sample, samples

from kvmedic.errors import ParseError
from kvmedic.model.memory import Zone
from kvmedic.parse.buddyinfo import parse_buddyinfo
from kvmedic.parse.zoneinfo import parse_zoneinfo

PATH = "proc/zoneinfo"


def zones_of(kernel: str) -> dict[tuple[int, str], Zone]:
    """The zones of a sample by node and name."""
    return {(zone.node, zone.zone): zone for zone in parse_zoneinfo(sample(kernel, PATH), PATH)}


def test_watermarks_and_sizes_are_read_in_pages() -> None:
    zone = zones_of(EL8)[1, "Normal"]

    assert (zone.free_pages, zone.min_pages, zone.low_pages, zone.high_pages) == (218400, 8161, 39808, 71455)
    assert (zone.spanned_pages, zone.present_pages, zone.managed_pages) == (33554432, 33554432, 33016832)
    assert zone.start_pfn == 34078720
    assert zone.protection_pages == (0, 2765, 63961, 63961, 63961)


def test_pages_on_per_cpu_lists_are_summed_over_cpus() -> None:
    assert zones_of(EL8)[0, "Normal"].pcp_pages == 10 + 11


def test_an_unpopulated_zone_has_no_start_and_no_statistics() -> None:
    zone = zones_of(HERE)[0, "Device"]

    assert (zone.present_pages, zone.start_pfn, zone.pcp_pages) == (0, None, 0)
    assert "nr_free_pages" not in zone.counters


def test_statistics_of_a_node_stand_at_its_first_populated_zone_only() -> None:
    zones = zones_of(HERE)

    assert zones[0, "DMA"].node_counters["nr_anon_pages"] > 0
    assert zones[0, "Normal"].node_counters == {}
    assert "nr_anon_pages" not in zones[0, "DMA"].counters


def test_every_node_of_many_has_its_own_statistics() -> None:
    first_of_each = [zone for (_, name), zone in zones_of(MANY_NODES).items() if zone.node_counters]

    assert [zone.node for zone in first_of_each] == list(range(8))


def test_a_counter_without_a_name_is_passed_over() -> None:
    assert "                   40960\n" in sample(EL8, PATH)
    assert 40960 not in zones_of(EL8)[0, "DMA"].node_counters.values()


@pytest.mark.parametrize(
    ("kernel", "zone", "counter", "pages"),
    [
        (HERE, (0, "Normal"), "boost", 0),
        (MANY_NODES, (0, "DMA"), "promo", 332),
        (HERE, (0, "Normal"), "promo", 15465),
        (ARM64_CMA, (0, "DMA"), "cma", 8192),
        (NEWEST, (0, "Normal"), "reserved_highatomic", 5120),
        (NEWEST, (0, "Normal"), "free_highatomic", 2081),
    ],
)
def test_rows_that_came_later_are_kept_by_name(
    kernel: str, zone: tuple[int, str], counter: str, pages: int
) -> None:
    assert zones_of(kernel)[zone].counters[counter] == pages


@pytest.mark.parametrize("kernel", [kernel for kernel in samples(PATH) if "by-format" not in kernel])
def test_free_pages_agree_with_buddyinfo_within_drift(kernel: str) -> None:
    zones = zones_of(kernel)
    for area in parse_buddyinfo(sample(kernel, "proc/buddyinfo"), "proc/buddyinfo"):
        in_blocks = sum(blocks << order for order, blocks in enumerate(area.free_blocks))

        assert abs(zones[area.node, area.zone].free_pages - in_blocks) <= 4096


def test_a_zone_that_lacks_a_watermark_is_refused_at_its_heading() -> None:
    text = sample(EL8, PATH).replace("        high     71455\n", "")

    with pytest.raises(
        ParseError, match=r"expected a row 'high' below this heading, found 'Node 1, zone   Normal'"
    ):
        parse_zoneinfo(text, PATH)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "a heading"),
        ("  pages free 1\n", "a heading"),
        ("Node 0, zone DMA\n  what is this\n", "a name and a number"),
        ("Node 0, zone DMA\n        protection: 0, 1\n", "protection"),
        ("Node 0, zone DMA 1 2 3\n", "a heading"),
    ],
)
def test_what_is_no_zoneinfo_is_refused(text: str, expected: str) -> None:
    with pytest.raises(ParseError, match=expected):
        parse_zoneinfo(text, PATH)
