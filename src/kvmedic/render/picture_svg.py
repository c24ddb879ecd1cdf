"""The picture as SVG: one path a colour and panel, so that a big host stays a small file."""

from __future__ import annotations

from collections import defaultdict
from html import escape
from itertools import pairwise

import numpy as np

from kvmedic.render.picture_cells import HOLE, Image
from kvmedic.render.picture_drawing import Drawing, Field, Swatch, Text
from kvmedic.render.picture_look import BACKGROUND, hexadecimal
from kvmedic.render.pixel_font import ADVANCE, ROWS

_FONT = "ui-monospace,SFMono-Regular,Menlo,Consolas,monospace"


def draw_svg(drawing: Drawing) -> str:
    """The drawing as one SVG document without scripts, links or fonts from elsewhere."""
    size = f'width="{drawing.width}" height="{drawing.height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {drawing.width} {drawing.height}">'
    ground = f'<rect {size} fill="{hexadecimal(BACKGROUND)}"/>'
    fields = (_field(field, drawing) for field in drawing.fields)
    swatches = (_swatch(swatch) for swatch in drawing.swatches)
    texts = (_text(text) for text in drawing.texts)
    return "\n".join([head, ground, *fields, *swatches, *texts, "</svg>\n"])


def _field(field: Field, drawing: Drawing) -> str:
    paths = [
        f'<path fill="{hexadecimal(drawing.colours[label])}" d="{path}"/>'
        for label, path in sorted(_paths(field.image).items())
    ]
    rows, columns = field.image.shape
    grid = "".join(f"M{x} 0v{rows}" for x in range(field.side, columns + 1, field.side))
    grid += "".join(f"M0 {y}h{columns}" for y in range(field.side, rows + 1, field.side))
    lines = f'<path d="{grid}" stroke="{hexadecimal(BACKGROUND)}" stroke-width="{1 / field.square:.3f}"/>'
    place = f"translate({field.x} {field.y}) scale({field.square})"
    return f'<g transform="{place}" shape-rendering="crispEdges">{"".join(paths)}{lines}</g>'


def _paths(image: Image) -> dict[int, str]:
    """For each label, runs of its squares along the rows as path data."""
    found: dict[int, list[str]] = defaultdict(list)
    for y, row in enumerate(image):
        cuts = [0, *(np.flatnonzero(np.diff(row)) + 1).tolist(), row.size]
        for start, end in pairwise(cuts):
            if row[start] != HOLE:
                found[int(row[start])].append(f"M{start} {y}h{end - start}v1h-{end - start}z")
    return {label: "".join(parts) for label, parts in found.items()}


def _swatch(swatch: Swatch) -> str:
    size = f'width="{swatch.width}" height="{swatch.height}"'
    return f'<rect x="{swatch.x}" y="{swatch.y}" {size} fill="{hexadecimal(swatch.colour)}"/>'


def _text(text: Text) -> str:
    width = max(1, len(text.text) * ADVANCE * text.scale)
    size = ROWS * text.scale + 2
    place = f'x="{text.x}" y="{text.y + ROWS * text.scale}" textLength="{width}"'
    look = f'font-family="{_FONT}" font-size="{size}" fill="{hexadecimal(text.colour)}"'
    return f'<text {place} {look} lengthAdjust="spacingAndGlyphs">{escape(text.text)}</text>'
