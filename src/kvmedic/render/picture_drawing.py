"""The picture laid out once, for PNG and SVG alike: panels of cells, lines of text, swatches of colour."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import NamedTuple

from kvmedic.model.gap import Missing
from kvmedic.model.page_map import Forecast, PageClass, PageMap, ZonePages
from kvmedic.render.picture_cells import Image, image_of
from kvmedic.render.picture_look import (
    INK,
    NAMES,
    QUIET,
    Colour,
    class_colour,
    domain_colour,
    domains_of,
    look_of,
)
from kvmedic.render.pixel_font import ADVANCE
from kvmedic.render.sanitise import clean
from kvmedic.units import human_bytes

WIDTH, MARGIN = 1360, 28
SIDE = 4
_CELL, _SMALL_SQUARE, _SMALL_SIDE = 16, 3, 2
_LINE = 24
_PANELS_PER_ROW = 3
_LEGEND_COLUMNS = 3
_SMALL_GAP = 24


class Text(NamedTuple):
    """A line of text; ``scale`` is pixels by pixel of the font."""

    x: int
    y: int
    text: str
    scale: int
    colour: Colour


class Swatch(NamedTuple):
    """A filled rectangle."""

    x: int
    y: int
    width: int
    height: int
    colour: Colour


class Field(NamedTuple):
    """A panel of cells: label numbers of little squares, each ``square`` pixels; a grid every ``side``."""

    x: int
    y: int
    image: Image
    square: int
    side: int


class Drawing(NamedTuple):
    """Everything on the picture, and the colour of each label number."""

    width: int
    height: int
    texts: tuple[Text, ...]
    swatches: tuple[Swatch, ...]
    fields: tuple[Field, ...]
    colours: tuple[Colour, ...]


class Panel(NamedTuple):
    """A second picture: what it shows, in two lines, and the map as it would be then."""

    title: str
    note: str
    page_map: PageMap


def free_label(page_map: PageMap) -> int:
    """The number of the label "free"."""
    return next(i for i, label in enumerate(page_map.labels) if label.page_class is PageClass.FREE)


def panel_of(forecast: Forecast, then: PageMap) -> Panel:
    """A panel for one forecast."""
    whom = f" {clean(forecast.domain)}" if forecast.domain else ""
    return Panel(f"after {forecast.remedy}{whom}", forecast_note(forecast), then)


def forecast_note(forecast: Forecast) -> str:
    """What a forecast gives back, in a phrase; of a sample with its error, or as an upper bound."""
    amount = _forecast_amount(forecast)
    if isinstance(forecast.least_blocks, Missing) or isinstance(forecast.most_blocks, Missing):
        return f"{amount}, whole blocks not known from a sample"
    few, many = forecast.least_blocks, forecast.most_blocks
    blocks = f"{few}" if few == many else f"{few} to {many}"
    return f"{amount}, +{blocks} whole blocks"


def _forecast_amount(forecast: Forecast) -> str:
    least, most = human_bytes(forecast.least_bytes), human_bytes(forecast.most_bytes)
    amount = least if least == most else f"{least} to {most}"
    if forecast.error_bytes == 0 or forecast.remedy == "compact-memory":  # which frees nothing, for certain
        return f"+{amount}"
    if forecast.error_bytes >= forecast.most_bytes:
        return f"up to {human_bytes(forecast.most_bytes + forecast.error_bytes)}"
    return f"+{amount} ± {human_bytes(forecast.error_bytes)}"


class _Layout:
    """Collects what is drawn from top to bottom; ``y`` is where the next thing goes."""

    def __init__(self, page_map: PageMap) -> None:
        self._map = page_map
        self.y = MARGIN
        self.texts: list[Text] = []
        self.swatches: list[Swatch] = []
        self.fields: list[Field] = []

    def heading(self, title: str) -> None:
        """The title, and how the map was made."""
        self.texts.append(Text(MARGIN, self.y, title, 3, INK))
        self.y += 34
        self.texts.append(Text(MARGIN, self.y, map_summary(self._map), 2, QUIET))
        self.y += 36

    def legend(self) -> None:
        """A swatch and an amount for every class and domain that is there."""
        entries = legend_of(self._map)
        width = (WIDTH - 2 * MARGIN) // _LEGEND_COLUMNS
        for number, (colour, text) in enumerate(entries):
            x = MARGIN + number % _LEGEND_COLUMNS * width
            y = self.y + number // _LEGEND_COLUMNS * _LINE
            self.swatches.append(Swatch(x, y, 16, 16, colour))
            room = (width - 34) // (2 * ADVANCE)
            self.texts.append(Text(x + 26, y + 1, _shortened(text, room), 2, INK))
        self.y += -(-len(entries) // _LEGEND_COLUMNS) * _LINE + 22

    def zones(self) -> None:
        """The map as it is, zone by zone."""
        columns = (WIDTH - 2 * MARGIN) // _CELL
        for zone in self._map.zones:
            self.texts.append(Text(MARGIN, self.y, zone_heading(zone, self._map), 2, INK))
            self.y += _LINE
            image = image_of(zone.cells, columns, SIDE, free_label(self._map))
            self.fields.append(Field(MARGIN, self.y, image, _CELL // SIDE, SIDE))
            self.y += image.shape[0] * (_CELL // SIDE) + 22

    def panels(self, panels: Sequence[Panel]) -> None:
        """Small maps in rows, for what remedies would do."""
        width = (WIDTH - 2 * MARGIN - (_PANELS_PER_ROW - 1) * _SMALL_GAP) // _PANELS_PER_ROW
        for first in range(0, len(panels), _PANELS_PER_ROW):
            row = panels[first : first + _PANELS_PER_ROW]
            tops = [
                self._panel(panel, MARGIN + i * (width + _SMALL_GAP), width) for i, panel in enumerate(row)
            ]
            self.y = max(tops) + 22

    def _panel(self, panel: Panel, x: int, width: int) -> int:
        room = width // (2 * ADVANCE)
        self.texts.append(Text(x, self.y, _shortened(panel.title, room), 2, INK))
        for number, line in enumerate(textwrap.wrap(panel.note, room)[:2]):
            self.texts.append(Text(x, self.y + 22 + 20 * number, line, 2, QUIET))
        y = self.y + 66
        cell = _SMALL_SIDE * _SMALL_SQUARE
        for zone in panel.page_map.zones:
            image = image_of(zone.cells, width // cell, _SMALL_SIDE, free_label(self._map))
            self.fields.append(Field(x, y, image, _SMALL_SQUARE, _SMALL_SIDE))
            y += image.shape[0] * _SMALL_SQUARE + 8
        return y


def lay_out(page_map: PageMap, title: str, panels: Sequence[Panel]) -> Drawing:
    """The whole picture: heading, legend, zones, and the panels behind them."""
    layout = _Layout(page_map)
    layout.heading(clean(title))
    layout.legend()
    layout.zones()
    if panels:
        layout.texts.append(Text(MARGIN, layout.y, "what it would look like", 3, INK))
        layout.y += 36
        layout.panels(panels)
    return Drawing(
        WIDTH,
        layout.y + MARGIN,
        tuple(layout.texts),
        tuple(layout.swatches),
        tuple(layout.fields),
        look_of(page_map).colours,
    )


def map_summary(page_map: PageMap) -> str:
    """One line: how much memory, how it was read, how many blocks are of which kind."""
    total = sum(row.bytes for row in page_map.totals)
    kinds = page_map.blocks
    block = human_bytes(page_map.page_size_bytes << page_map.pageblock_order)
    how = "all read" if page_map.method == "full" else f"sampled, ± {kinds.error}"
    return (
        f"{human_bytes(total)}; blocks of {block}, {how}: {kinds.empty} empty, {kinds.movable} movable, "
        f"{kinds.mixed} mixed, {kinds.held} held, {kinds.unknown} unknown"
    )


def zone_heading(zone: ZonePages, page_map: PageMap) -> str:
    """One line above a zone."""
    cell = human_bytes(zone.blocks_per_cell * page_map.page_size_bytes << page_map.pageblock_order)
    existing = human_bytes(sum(row.bytes for row in zone.totals))
    return f"node {zone.node} zone {clean(zone.zone)} · {existing} · a square is {cell}"


def legend_of(page_map: PageMap) -> list[tuple[Colour, str]]:
    """Domains first, then stranded memory and the classes by size; nothing that is not there."""
    entries = []
    order = {name: number for number, name in enumerate(domains_of(page_map))}
    for domain in page_map.domains:
        mapped = domain.anonymous_bytes + domain.thp_bytes + domain.shmem_bytes
        text = f"{clean(domain.name)} {amount_text(page_map, mapped, domain.resident_error_bytes)}"
        entries.append((domain_colour(order[domain.name]), text))
    own_entry = (PageClass.GUEST, PageClass.GUEST_THP)
    rows = [row for row in page_map.totals if row.bytes > 0 and row.page_class not in own_entry]
    rows.sort(key=lambda row: (row.page_class is not PageClass.STRANDED, -row.bytes))
    for row in rows:
        amount = amount_text(page_map, row.bytes, row.error_bytes)
        entries.append((class_colour(row.page_class), f"{NAMES[row.page_class]} {amount}"))
    return entries


def amount_text(page_map: PageMap, amount_bytes: int, error_bytes: int) -> str:
    """An amount with the error of a sample; where that is as large as the amount, its upper bound."""
    if page_map.method == "full":
        return human_bytes(amount_bytes)
    if error_bytes >= amount_bytes:
        return f"up to {human_bytes(amount_bytes + error_bytes)}"
    return f"{human_bytes(amount_bytes)} ± {human_bytes(error_bytes)}"


def _shortened(text: str, room: int) -> str:
    return text if len(text) <= room else text[: max(1, room - 1)] + "…"
