"""The report tells medians and spreads, says what was not measured, and runs nothing."""

from __future__ import annotations

import json
import re

import msgspec
from tests.unit.lab.experiment_results import reading, result

from kvmedic.lab.picture import Bar, bars_svg
from kvmedic.lab.report import render, spread_of, tables_of, title_of
from kvmedic.units import MIB

RESULTS = [
    result("stranded", "release-stranded-memory", given_mib=given, repetition=number, is_back=False)
    for number, given in enumerate((140, 142, 130), start=1)
] + [result("stranded", "do-nothing", given_mib=0)]


def test_repetitions_become_a_median_with_its_spread() -> None:
    (table,) = tables_of(RESULTS)
    nothing, released = table.lines

    assert (nothing.remedy, released.remedy) == ("do-nothing", "release-stranded-memory")
    assert released.given_back is not None
    assert (released.given_back.median, released.given_back.n) == (140.0, 3)
    assert released.given_back.words() == "140 (130 to 142)"
    assert (released.returned, released.cycles) == (0, 3)
    assert (nothing.returned, nothing.cycles) == (1, 1)


def test_nothing_measured_is_not_nought() -> None:
    gone = result("stranded", "reboot-host", given_mib=0, is_back=None)
    gone = msgspec.structs.replace(gone, before=reading(charged_bytes=None))

    text = render([gone, *RESULTS], "markdown")

    assert spread_of([None, None]) is None
    assert re.search(r"\| reboot-host \| 1 \| 142 → 142 \| – \|", text)
    assert "not tried" in text


def test_kernels_and_grounds_are_never_mixed() -> None:
    other = msgspec.structs.replace(RESULTS[0], kernel="6.12.95", ground="here")

    tables = tables_of([*RESULTS, other])

    assert {(table.ground, table.kernel) for table in tables} == {
        ("nested", "6.1.0-56-amd64"),
        ("here", "6.12.95"),
    }
    here = next(table for table in tables if table.ground == "here")
    assert here.lines[0].free_gained is None


def test_the_page_is_self_contained_and_escapes_what_it_was_told() -> None:
    hostile = msgspec.structs.replace(RESULTS[0], notes=("<script>alert(1)</script>",))

    page = render([hostile, *RESULTS], "html")

    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert page.count("<svg") == 4
    assert not re.search(r"(src|href)=|style=", page)


def test_the_json_holds_every_result_and_every_line() -> None:
    told = json.loads(render(RESULTS, "json"))

    assert len(told["results"]) == 4
    assert [line["n"] for line in told["tables"][0]["lines"]] == [1, 3]


def test_a_loss_is_drawn_to_the_left_of_the_zero_line() -> None:
    bars = [
        Bar(label="reboot & co", value=-50.0, low=-60.0, high=-40.0, words="-50", kind="gain"),
        Bar(label="release", value=100.0, low=100.0, high=100.0, words="100", kind="gain"),
    ]

    drawn = bars_svg("given back", bars)

    axis = float(re.findall(r'class="axis" x1="([\d.]+)"', drawn)[0])
    left, right = (float(x) for x in re.findall(r'<rect class="gain" x="([\d.]+)"', drawn))
    assert left < axis == right
    assert drawn.count("spread") == 1
    assert "reboot &amp; co" in drawn


def test_maps_stand_side_by_side_as_images_of_the_page_itself() -> None:
    page = render(RESULTS, "html", {"stranded.x": {"after": "<svg id='a'/>", "before": "<svg id='b'/>"}})

    assert re.findall(r'alt="physical memory (before|after) stranded.x"', page) == ["before", "after"]
    assert page.count('src="data:image/svg+xml;base64,') == 2


def test_a_loss_too_small_to_show_is_no_minus_nought() -> None:
    told = spread_of([-0.2])

    assert told is not None
    assert told.words() == "0"


def test_hosts_of_other_sizes_are_never_mixed() -> None:
    small = result("stranded", "do-nothing", given_mib=0, host_mib=800)

    tables = tables_of([small, result("stranded", "do-nothing", given_mib=0)])

    assert [title_of(table).rpartition(", ")[2] for table in tables] == [
        "a nested host of 800 MiB",
        "a nested host of 1152 MiB",
    ]


def test_a_move_tells_what_its_new_host_holds_and_other_tables_have_no_such_column() -> None:
    moved = result("stranded", "migrate", given_mib=500, destination=reading(charged_bytes=278 * MIB))

    assert re.search(r"held by its new host, MiB .*\n.*\n.*\| 278 \|", render([moved], "markdown"))
    assert "its new host" not in render([result("stranded", "do-nothing", given_mib=0)], "markdown")
