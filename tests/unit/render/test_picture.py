"""The picture of a page map: readable without colour, valid as PNG and SVG, harmless whatever it names."""

from __future__ import annotations

import struct
import zlib
from xml.etree import ElementTree

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from kvmedic.app.map import pictures_after
from kvmedic.derive.picture_after import cell_of, picture_after, shares_of
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.page_map import (
    BlockKinds,
    Cell,
    ClassTotal,
    DomainPages,
    Forecast,
    ForecastRemedy,
    Label,
    PageClass,
    PageMap,
    ZonePages,
)
from kvmedic.render.picture import MapText, render_map_png, render_map_svg
from kvmedic.render.picture_cells import HOLE, merge, squares
from kvmedic.render.picture_drawing import amount_text, forecast_note, panel_of
from kvmedic.render.pixel_font import text_mask, text_width

MIB = 1 << 20
FREE, SLAB, GUEST, THP, STRANDED, CACHE = range(6)


def labels(domain: str) -> tuple[Label, ...]:
    """The labels that the cells below use."""
    return (
        Label(page_class=PageClass.FREE, domain=None),
        Label(page_class=PageClass.SLAB, domain=None),
        Label(page_class=PageClass.GUEST, domain=domain),
        Label(page_class=PageClass.GUEST_THP, domain=domain),
        Label(page_class=PageClass.STRANDED, domain=domain),
        Label(page_class=PageClass.PAGE_CACHE, domain=None),
    )


CELLS = (
    Cell(parts=(THP, 1000), held_permille=0),
    Cell(parts=(THP, 500, STRANDED, 500), held_permille=0),
    Cell(parts=(FREE, 900, CACHE, 100), held_permille=0),
    Cell(parts=(SLAB, 600, FREE, 400), held_permille=1000),
    Cell(parts=(), held_permille=0),
    Cell(parts=(GUEST, 700, FREE, 300), held_permille=0),
)


def a_map(domain: str = "db-01", method: str = "full", cells: tuple[Cell, ...] = CELLS) -> PageMap:
    """A small map with every kind of cell."""
    kinds = BlockKinds(empty=1, movable=4, mixed=0, held=1, unknown=0, error=3)
    totals = (
        ClassTotal(page_class=PageClass.FREE, bytes=900 * MIB, error_bytes=20 * MIB),
        ClassTotal(page_class=PageClass.STRANDED, bytes=324 * MIB, error_bytes=7 * MIB),
        ClassTotal(page_class=PageClass.SLAB, bytes=60 * MIB, error_bytes=5 * MIB),
    )
    row = DomainPages(
        name=domain,
        pid=4711,
        anonymous_bytes=70 * MIB,
        thp_bytes=700 * MIB,
        shmem_bytes=0,
        hugetlb_bytes=0,
        shared_bytes=0,
        resident_error_bytes=9 * MIB,
        stranded_bytes=324 * MIB,
        stranded_blocks=324,
        error_bytes=7 * MIB,
    )
    zone = ZonePages(
        node=0,
        zone="Normal",
        start_pfn=0,
        spanned_pages=6 * 512,
        totals=totals,
        blocks=kinds,
        blocks_per_cell=1,
        cells=cells,
    )
    return PageMap(
        method="full" if method == "full" else "sampled",
        page_size_bytes=4096,
        pageblock_order=9,
        frames=6 * 512,
        frames_read=6 * 512,
        seed=None,
        duration_s=0.1,
        totals=totals,
        blocks=kinds,
        domains=(row,),
        zones=(zone,),
        labels=labels(domain),
        forecasts=(forecast("release-stranded-memory", None), forecast("migrate-domain", domain)),
        unexplained_bytes=0,
        gaps=(Missing(source="proc/9/pagemap", reason=Reason.TIMED_OUT, detail="it did not answer"),),
    )


def forecast(remedy: ForecastRemedy, domain: str | None) -> Forecast:
    """A forecast of 324 MiB and 3 to 5 blocks."""
    return Forecast(
        remedy=remedy,
        domain=domain,
        least_bytes=324 * MIB,
        most_bytes=324 * MIB,
        least_blocks=3,
        most_blocks=5,
        error_bytes=0,
        basis="as far as the map can see",
    )


def shown(page_map: PageMap, width: int = 100) -> str:
    """What a pipe gets of the map."""
    console = Console(width=width, no_color=True, force_terminal=False)
    with console.capture() as capture:
        console.print(MapText(page_map, "host-7"))
    return capture.get()


def test_the_terminal_map_reads_without_colour() -> None:
    text = shown(a_map())
    assert "A%.s A" in text
    assert "db-01: 700 MiB in huge pages, 70.0 MiB in small" in text
    assert "stranded 324 MiB" in text
    assert "release-stranded-memory" in text
    assert "+324 MiB, +3 to 5 whole blocks" in text
    assert "not seen: proc/9/pagemap: it did not answer" in text
    assert "±" not in text


def test_a_sampled_map_shows_its_errors() -> None:
    text = shown(a_map(method="sampled"))
    assert "sampled, ± 3" in text
    assert "stranded 324 MiB ± 7.0 MiB" in text


def test_the_error_of_a_sample_stands_beside_every_forecast_and_domain() -> None:
    text = shown(a_map(method="sampled"), width=120)
    assert "700 MiB in huge pages, 70.0 MiB in small ± 9.0 MiB, stranded" in text
    sampled = msgspec.structs.replace(forecast("release-stranded-memory", None), error_bytes=40 * MIB)
    assert forecast_note(sampled).startswith("+324 MiB ± 40.0 MiB, ")
    unsure = msgspec.structs.replace(sampled, error_bytes=400 * MIB)
    assert forecast_note(unsure).startswith("up to 724 MiB, ")


def test_a_domain_of_which_a_sample_saw_nothing_is_not_said_to_have_nothing() -> None:
    sampled = a_map(method="sampled")
    unseen = msgspec.structs.replace(sampled.domains[0], thp_bytes=0, anonymous_bytes=0)
    text = shown(msgspec.structs.replace(sampled, domains=(unseen,)), width=120)
    assert "db-01: up to 9.0 MiB mapped, stranded" in text


def test_a_narrow_terminal_gets_a_narrow_map() -> None:
    cells = CELLS * 200
    rows = [line for line in shown(a_map(cells=cells), width=40).splitlines() if line.startswith("  A%")]
    assert rows
    assert all(len(row.rstrip()) <= 40 for row in rows)


def test_a_long_line_of_the_legend_goes_on_below_and_indented() -> None:
    lines = shown(a_map(method="sampled"), width=50).splitlines()
    at = next(number for number, line in enumerate(lines) if "db-01" in line)
    assert lines[at].rstrip().endswith("db-01")
    assert lines[at + 1].startswith("      700 MiB in huge pages")
    assert all(len(line.rstrip()) <= 50 for line in lines if "blocks of" not in line)


def test_what_the_remedies_give_back_stands_in_one_column() -> None:
    lines = shown(a_map(domain="ünïcode→漢字-of-some-length"), width=120).splitlines()
    columns = {cell_len(line[: line.index("  +")]) for line in lines if "  +" in line}
    assert len(columns) == 1


def test_rows_that_read_alike_are_told_once() -> None:
    cells = (Cell(parts=(FREE, 1000), held_permille=0),) * 900
    assert "8 more rows like this one" in shown(a_map(cells=cells))


@pytest.mark.parametrize(
    "name", ["\x1b[2Jevil", "a\nb", "<script>alert(1)</script>", "\u202egnp", "[red]x[/red]"]
)
def test_names_from_outside_do_no_harm(name: str) -> None:
    page_map = a_map(domain=name)
    panels = [panel_of(page_map.forecasts[1], page_map)]
    text, svg = shown(page_map), render_map_svg(page_map, name, panels)
    assert "\x1b" not in text + svg
    assert "\u202e" not in text + svg
    assert "<script" not in svg
    ElementTree.fromstring(svg)  # noqa: S314 (our own text)
    assert render_map_png(page_map, name, panels).startswith(b"\x89PNG")


def pixels_of(png: bytes) -> np.ndarray:
    """Decode what ``render_png`` writes."""
    width, height = struct.unpack(">II", png[16:24])
    start = png.index(b"IDAT")
    (length,) = struct.unpack(">I", png[start - 4 : start])
    rows = np.frombuffer(zlib.decompress(png[start + 4 : start + 4 + length]), dtype=np.uint8)
    return rows.reshape(height, 1 + 3 * width)[:, 1:].reshape(height, width, 3)


def test_the_png_holds_every_colour_that_the_cells_have() -> None:
    pixels = pixels_of(render_map_png(a_map(), "host-7", [])).reshape(-1, 3)
    colours = {tuple(pixel) for pixel in np.unique(pixels, axis=0).tolist()}
    assert {(255, 45, 95), (245, 158, 11), (59, 130, 246), (58, 72, 100)} <= colours


def test_png_and_svg_stay_small_for_the_largest_map() -> None:
    random = np.random.default_rng(1)
    cells = tuple(
        Cell(parts=(int(a), 600, int(b), 400), held_permille=0)
        for a, b in zip(random.integers(0, 3, 4096), random.integers(3, 6, 4096), strict=True)
    )
    page_map = a_map(cells=cells)
    assert len(render_map_png(page_map, "host-7", [])) < 300_000
    assert len(render_map_svg(page_map, "host-7", [])) < 1_500_000


def test_release_turns_stranded_into_free_and_migration_takes_the_guest_away() -> None:
    released = picture_after(a_map(), "release-stranded-memory", None).zones[0].cells
    assert shares_of(released[1]) == {THP: 500, FREE: 500}
    migrated = picture_after(a_map(), "migrate-domain", "db-01").zones[0].cells
    assert [shares_of(cell) for cell in migrated[:2]] == [{FREE: 1000}, {FREE: 1000}]
    other = picture_after(a_map(), "migrate-domain", "another").zones[0].cells
    assert other == CELLS


def test_dropping_caches_and_rebooting_keep_what_they_cannot_free() -> None:
    dropped = picture_after(a_map(), "drop-page-cache", None).zones[0].cells
    assert shares_of(dropped[2]) == {FREE: 1000}
    rebooted = picture_after(a_map(), "reboot-host", None).zones[0].cells
    assert all(shares_of(cell) == {FREE: 1000} for cell in rebooted if cell.parts)


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 1000), st.booleans()), min_size=1)
)
def test_compaction_moves_and_loses_nothing(drawn: list[tuple[int, int, int, bool]]) -> None:
    cells = tuple(
        cell_of({a: share, b: 1000 - share} if a != b else {a: 1000}, 1000 if held or SLAB in (a, b) else 0)
        for a, b, share, held in drawn
    )
    before = a_map(cells=cells)
    after = picture_after(before, "compact-memory", None)
    for label in range(6):
        total = [sum(shares_of(c).get(label, 0) for c in m.zones[0].cells) for m in (before, after)]
        assert total[0] == total[1]


@given(st.dictionaries(st.integers(0, 5), st.integers(1, 1000), max_size=6), st.integers(1, 36))
def test_a_cell_is_always_filled_with_squares_of_its_own_parts(shares: dict[int, int], count: int) -> None:
    drawn = squares(cell_of(shares, 0), count, FREE)
    assert len(drawn) == count
    assert set(drawn) <= (set(shares) or {HOLE})


def test_merged_cells_keep_their_proportions() -> None:
    merged = merge(CELLS[:2], 2)
    assert shares_of(merged[0]) == {THP: 750, STRANDED: 250}
    assert merge(CELLS[4:5] * 2, 2)[0].parts == ()


def test_blocks_that_a_sample_cannot_tell_are_said_to_be_unknown() -> None:
    gap = Missing(source="page map", reason=Reason.NOT_COLLECTED, detail="a sample cannot tell")
    unknown = msgspec.structs.replace(forecast("release-stranded-memory", None), least_blocks=gap)
    assert forecast_note(unknown) == "+324 MiB, whole blocks not known from a sample"


def test_text_is_as_wide_as_it_says() -> None:
    mask = text_mask("free 3.5 GiB ± 1 MiB · ok; ÿ", 2)
    assert mask.shape == (14, 2 * 6 * 28)
    assert text_width("ab", 2) == 22


def test_an_amount_smaller_than_its_error_is_an_upper_bound() -> None:
    sampled = a_map(method="sampled")
    assert amount_text(sampled, 2 * MIB, 500 * MIB) == "up to 502 MiB"
    assert amount_text(sampled, 900 * MIB, 20 * MIB) == "900 MiB ± 20.0 MiB"
    assert amount_text(a_map(), 2 * MIB, 0) == "2.0 MiB"


def test_a_host_of_many_guests_is_not_drawn_once_for_each_of_them() -> None:
    each = tuple(
        msgspec.structs.replace(forecast("migrate-domain", "db-01"), most_bytes=number * MIB, least_bytes=0)
        for number in range(1, 101)
    )
    page_map = msgspec.structs.replace(a_map(), forecasts=(forecast("release-stranded-memory", None), *each))
    shown_bytes = [after.forecast.most_bytes for after in pictures_after(page_map)]
    assert shown_bytes == [324 * MIB, 98 * MIB, 99 * MIB, 100 * MIB]
