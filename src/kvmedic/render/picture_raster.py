"""The picture as pixels, and so as PNG."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kvmedic.render.picture_drawing import Drawing, Field, Text
from kvmedic.render.picture_look import BACKGROUND, HOLE_COLOUR
from kvmedic.render.pixel_font import text_mask
from kvmedic.render.png import render_png

Pixels = NDArray[np.uint8]


def draw_png(drawing: Drawing) -> bytes:
    """The drawing as a PNG file."""
    pixels: Pixels = np.empty((drawing.height, drawing.width, 3), dtype=np.uint8)
    pixels[:] = BACKGROUND
    palette = np.array([*drawing.colours, HOLE_COLOUR], dtype=np.uint8)
    for field in drawing.fields:
        _draw_field(pixels, field, palette)
    for swatch in drawing.swatches:
        pixels[swatch.y : swatch.y + swatch.height, swatch.x : swatch.x + swatch.width] = swatch.colour
    for text in drawing.texts:
        _draw_text(pixels, text)
    return render_png(pixels)


def _draw_field(pixels: Pixels, field: Field, palette: Pixels) -> None:
    """The little squares, and a line of background between cells."""
    square = np.ones((field.square, field.square), dtype=np.int32)
    image = palette[np.kron(field.image, square)]
    step = field.square * field.side
    image[step - 1 :: step] = BACKGROUND
    image[:, step - 1 :: step] = BACKGROUND
    height, width, _ = image.shape
    area = pixels[field.y : field.y + height, field.x : field.x + width]
    area[:] = image[: area.shape[0], : area.shape[1]]


def _draw_text(pixels: Pixels, text: Text) -> None:
    mask = text_mask(text.text, text.scale)
    area = pixels[text.y : text.y + mask.shape[0], text.x : text.x + mask.shape[1]]
    area[mask[: area.shape[0], : area.shape[1]]] = text.colour
