"""The page stands alone: nothing is fetched, nothing runs, and its charts say what the numbers say."""

from __future__ import annotations

import base64
import hashlib
import re

import msgspec
import pytest
from report_samples import AT_RISK, HEALTHY, HOST, LEDGER, SAMPLES, UNDETERMINED, domain

from kvmedic.model.report import Report, ReportedMemory
from kvmedic.render import render
from kvmedic.render.charts import BAR_WIDTH, LEDGER_WIDTH, domain_bars, ledger_parts, zone_charts
from kvmedic.render.ledger_parts import LEDGER_PARTS
from kvmedic.units import GIB

PICTURE = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def with_memory(report: Report, **changes: object) -> Report:
    memory: ReportedMemory = msgspec.structs.replace(HOST.memory, **changes)
    return msgspec.structs.replace(report, host=msgspec.structs.replace(HOST, memory=memory))


@pytest.mark.parametrize("name", SAMPLES)
def test_the_page_fetches_nothing_and_runs_nothing(name: str) -> None:
    page = render(SAMPLES[name], "html")
    assert not re.search(r"https?://|//[a-z]|url\(|@import|<script|<link|<iframe|\bon[a-z]+=", page)
    assert not re.search(r"\bstyle=", page)


def test_the_policy_allows_exactly_the_style_sheet_of_the_page() -> None:
    page = render(AT_RISK, "html")
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:" in page


def test_the_page_starts_with_its_doctype() -> None:
    assert render(AT_RISK, "html").lstrip().startswith("<!DOCTYPE html>")


def test_a_page_map_comes_in_as_an_image_in_which_nothing_can_run() -> None:
    page = render(AT_RISK, "html", picture_svg=PICTURE)
    found = re.search(r'src="data:image/svg\+xml;base64,([^"]+)"', page)
    assert found
    assert base64.b64decode(found[1]).decode() == PICTURE
    assert "<script" not in page
    assert "Page map" not in render(AT_RISK, "html")


def test_the_ledger_fills_its_bar_and_every_part_has_its_share() -> None:
    parts = ledger_parts(LEDGER)
    assert sum(part.width for part in parts) == pytest.approx(LEDGER_WIDTH, abs=0.1)
    assert sum(getattr(LEDGER, name) for name in LEDGER_PARTS) == LEDGER.total_bytes
    stranded = next(part for part in parts if part.key == "stranded")
    assert (stranded.size, stranded.share_percent) == ("4.0 GiB", 3.1)
    assert stranded.x == pytest.approx(LEDGER_WIDTH * 92 / 128, abs=0.01)


def test_a_ledger_with_gaps_and_a_negative_remainder_still_draws() -> None:
    ledger = msgspec.structs.replace(LEDGER, stranded_bytes=None, unaccounted_bytes=-5)
    keys = [part.key for part in ledger_parts(ledger)]
    assert "stranded" not in keys
    assert "unaccounted" not in keys
    assert ledger_parts(None) == ()
    assert "Where the memory is" not in render(with_memory(AT_RISK, ledger=None), "html")


def test_a_block_that_this_host_asks_for_and_lacks_is_marked() -> None:
    zones = HOST.memory.zones
    assert zones
    none_left = msgspec.structs.replace(zones[1], free_blocks=(5, 5, 5, 5, 0, 0, 0, 0, 0, 0, 0))
    chart = zone_charts(with_memory(AT_RISK, zones=(none_left,)))[0]
    assert [column.order for column in chart.columns if column.is_short] == [4]
    assert "count lacks" in render(with_memory(AT_RISK, zones=(none_left,)), "html")
    assert not any(column.is_short for column in zone_charts(AT_RISK)[2].columns)


def test_an_empty_zone_has_columns_without_height() -> None:
    zones = HOST.memory.zones
    assert zones
    empty = msgspec.structs.replace(zones[0], free_blocks=(0,) * 11, free_bytes=0, min_bytes=None)
    chart = zone_charts(with_memory(AT_RISK, zones=(empty,)))[0]
    assert {column.height for column in chart.columns} == {0.0}
    assert chart.watermarks == "watermarks not known"


def test_domains_share_one_scale_and_a_gap_has_no_bar() -> None:
    bars = domain_bars(
        (domain("a", None, 64 * GIB, 64 * GIB, 32 * GIB), domain("b", None, 8 * GIB, 4 * GIB, 0))
    )
    assert (bars[0].maximum, bars[0].rss) == (BAR_WIDTH, BAR_WIDTH / 2)
    assert bars[1].maximum == BAR_WIDTH / 8
    unknown = msgspec.structs.replace(domain("c", None, 1, 1, 1), memory_max_bytes=None, rss_bytes=None)
    assert (domain_bars((unknown,))[0].maximum, domain_bars((unknown,))[0].words["rss"]) == (
        None,
        "not known",
    )


def test_domains_that_could_not_be_listed_are_said() -> None:
    assert "The domains could not be listed" in render(UNDETERMINED, "html")
    assert "The domains could not be listed" not in render(HEALTHY, "html")
