"""The page map as a picture: for a terminal, as PNG, as SVG.

Every colour has a letter beside it, so the terminal's map reads without colour, and piped.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from itertools import groupby

import msgspec
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.style import Style
from rich.text import Text

from kvmedic.model.page_map import Cell, Forecast, PageClass, PageMap, ZonePages
from kvmedic.render.picture_cells import merge
from kvmedic.render.picture_drawing import (
    Panel,
    amount_text,
    forecast_note,
    free_label,
    lay_out,
    map_summary,
    zone_heading,
)
from kvmedic.render.picture_look import (
    INK,
    NAMES,
    Colour,
    Look,
    class_colour,
    class_letter,
    domain_colour,
    domain_letter,
    domains_of,
    hexadecimal,
    look_of,
)
from kvmedic.render.picture_raster import draw_png
from kvmedic.render.picture_svg import draw_svg
from kvmedic.render.sanitise import clean
from kvmedic.units import human_bytes

_MOST_ROWS = 24
_MARGIN = 2
_INDENT = 4
_LONGEST_REMEDY = 48
_ROWS_TO_FOLD = 3
_STRANDED_SHOWS_FROM = 150
_USED_SHOWS_FROM = 350
"""Shares (1/1000) of a cell from which stranded memory, and used memory beside free, give it its letter."""


def render_map_png(page_map: PageMap, title: str, panels: Sequence[Panel]) -> bytes:
    """The map and what remedies would make of it, as a PNG file."""
    return draw_png(lay_out(page_map, title, panels))


def render_map_svg(page_map: PageMap, title: str, panels: Sequence[Panel]) -> str:
    """The same as SVG."""
    return draw_svg(lay_out(page_map, title, panels))


class MapText:
    """The map for people at a terminal (a rich renderable). ``title`` names the host."""

    def __init__(self, page_map: PageMap, title: str) -> None:
        self._map, self._title = page_map, title

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text(clean(self._title), style="bold")
        yield Text(map_summary(self._map), style="dim")
        for parts in _legend(self._map, options.max_width):
            yield Text.assemble("  ", *parts)
        width = max(16, min(options.max_width - 2, 160))
        cells = sum(len(zone.cells) for zone in self._map.zones)
        together = max(1, -(-cells // (width * _MOST_ROWS)))
        for zone in self._map.zones:
            yield from _zone(zone, self._map, width, together)
        yield Text("What each remedy would give back", style="bold")
        yield from (Text(f"  {line}") for line in forecast_lines(self._map))
        yield from (Text(f"  not seen: {clean(str(gap))}", style="dim") for gap in self._map.gaps)


def _zone(zone: ZonePages, page_map: PageMap, width: int, together: int) -> list[Text]:
    look, free = look_of(page_map), free_label(page_map)
    cells = merge(zone.cells, together)
    wider = zone.blocks_per_cell * together
    rows = []
    for start in range(0, len(cells), width):
        row = Text("  ")
        for cell in cells[start : start + width]:
            letter, style = _appearance(cell, page_map, look, free)
            row.append(letter, style)
        rows.append(row)
    return [Text(zone_heading(_with_cells(zone, wider), page_map), style="bold"), *_without_repeats(rows)]


def _without_repeats(rows: list[Text]) -> list[Text]:
    """Three or more rows that read alike are one row and their number."""
    lines: list[Text] = []
    for _, group in groupby(rows, key=lambda row: row.plain):
        alike = list(group)
        if len(alike) < _ROWS_TO_FOLD:
            lines += alike
        else:
            lines += [alike[0], Text(f"  … {len(alike) - 1} more rows like this one", style="dim")]
    return lines


def _with_cells(zone: ZonePages, blocks_per_cell: int) -> ZonePages:
    return msgspec.structs.replace(zone, blocks_per_cell=blocks_per_cell)


def _appearance(cell: Cell, page_map: PageMap, look: Look, free: int) -> tuple[str, Style]:
    """The letter and the colours of one cell; blank where there is no memory."""
    if not cell.parts:
        return " ", Style()
    label = _telling(cell, page_map, free)
    ground = _blend(cell, look)
    ink = (255, 255, 255) if sum(ground) < 384 else (0, 0, 0)
    quiet = (70, 82, 104) if label == free else ink
    return look.letters[label], Style(color=hexadecimal(quiet), bgcolor=hexadecimal(ground))


def _telling(cell: Cell, page_map: PageMap, free: int) -> int:
    """The label that gives a cell its letter: stranded if it matters, else the largest use, else free."""
    parts = list(zip(cell.parts[::2], cell.parts[1::2], strict=True))
    is_stranded = (page_map.labels[label].page_class is PageClass.STRANDED for label, _ in parts)
    for (label, share), matters in zip(parts, is_stranded, strict=True):
        if matters and share >= _STRANDED_SHOWS_FROM:
            return label
    used = [part for part in parts if part[0] != free]
    if used and 1000 - dict(parts).get(free, 0) >= _USED_SHOWS_FROM:
        return used[0][0]
    return parts[0][0]


def _blend(cell: Cell, look: Look) -> Colour:
    """The mean colour of what is in a cell."""
    parts = list(zip(cell.parts[::2], cell.parts[1::2], strict=True))
    whole = sum(share for _, share in parts)
    red, green, blue = (
        round(sum(look.colours[label][channel] * share for label, share in parts) / whole)
        for channel in range(3)
    )
    return red, green, blue


def _legend(page_map: PageMap, width: int) -> list[list[tuple[str, str]]]:
    """Two lines for each domain, or one where it fits; then the classes that are there, as many to a line as
    fit.
    """
    lines = []
    order = {name: number for number, name in enumerate(domains_of(page_map))}
    for domain in page_map.domains:
        number = order[domain.name]
        key = _key(domain_letter(number), domain_colour(number))
        lines += _folded(key, clean(domain.name), _domain_amounts(page_map, domain.name), width)
    rows = [row for row in page_map.totals if row.bytes and row.page_class not in _OF_DOMAINS]
    entries = [
        [
            _key(class_letter(row.page_class), class_colour(row.page_class)),
            (f" {NAMES[row.page_class]} {amount_text(page_map, row.bytes, row.error_bytes)}   ", ""),
        ]
        for row in sorted(rows, key=lambda row: -row.bytes)
    ]
    return lines + _packed(entries, width)


def _folded(key: tuple[str, str], name: str, amounts: str, width: int) -> list[list[tuple[str, str]]]:
    """A name with its amounts behind it, or below it where the line is too narrow."""
    if _MARGIN + cell_len(f"{key[0]} {name}: {amounts}") <= width:
        return [[key, (f" {name}: {amounts}", "")]]
    below = textwrap.wrap(amounts, max(16, width - _MARGIN - _INDENT), break_long_words=False)
    return [[key, (f" {name}", "")], *([(f"{'':{_INDENT}}{line}", "")] for line in below)]


def _packed(entries: list[list[tuple[str, str]]], width: int) -> list[list[tuple[str, str]]]:
    """The entries one behind the other, a new line where the next one does not fit."""
    lines: list[list[tuple[str, str]]] = []
    room = 0
    for entry in entries:
        needed = cell_len("".join(text for text, _ in entry).rstrip())
        if not lines or needed > room:
            lines.append([])
            room = width - _MARGIN
        lines[-1] += entry
        room -= cell_len("".join(text for text, _ in entry))
    return lines


_OF_DOMAINS = (PageClass.GUEST, PageClass.GUEST_THP)


def _key(letter: str, colour: Colour) -> tuple[str, str]:
    ink = INK if sum(colour) < 384 else (0, 0, 0)
    return f" {letter} ", f"{hexadecimal(ink)} on {hexadecimal(colour)}"


def _domain_amounts(page_map: PageMap, name: str) -> str:
    domain = page_map.domain(name)
    if domain is None:
        return "not read"
    stranded = domain.stranded_bytes
    lost = (
        amount_text(page_map, stranded, domain.error_bytes)
        if isinstance(stranded, int)
        else f"not known ({clean(str(stranded))})"
    )
    parts = (
        (domain.thp_bytes, "in huge pages"),
        (domain.anonymous_bytes, "in small"),
        (domain.shmem_bytes + domain.hugetlb_bytes, "shared or hugetlb"),
    )
    mapped = [
        f"{human_bytes(amount)} {what}" for amount, what in parts if amount or page_map.method == "full"
    ]
    if page_map.method != "full":
        error = human_bytes(domain.resident_error_bytes)
        mapped = [f"{', '.join(mapped)} ± {error}" if mapped else f"up to {error} mapped"]
    return f"{', '.join(mapped)}, stranded {lost}"


def forecast_lines(page_map: PageMap) -> list[str]:
    """A line for each remedy: what it gives back."""
    names = [_remedy(forecast) for forecast in page_map.forecasts]
    longest = min(max(map(cell_len, names), default=0), _LONGEST_REMEDY)
    padded = (name + " " * (longest - cell_len(name)) for name in names)
    return [
        f"{name}  {forecast_note(forecast)}"
        for name, forecast in zip(padded, page_map.forecasts, strict=True)
    ]


def _remedy(forecast: Forecast) -> str:
    return forecast.remedy + (f" {clean(forecast.domain)}" if forecast.domain else "")
