"""Cells as something to be drawn: merged to fit, and as little squares of one label each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from kvmedic.model.page_map import Cell

Image = NDArray[np.int32]
HOLE = -1
"""Where there is no memory."""


def merge(cells: Sequence[Cell], together: int) -> tuple[Cell, ...]:
    """Cells in groups of ``together`` neighbours, each group as one cell."""
    if together <= 1:
        return tuple(cells)
    return tuple(_merged(cells[at : at + together]) for at in range(0, len(cells), together))


def _merged(group: Sequence[Cell]) -> Cell:
    filled = [cell for cell in group if cell.parts]
    if not filled:
        return Cell(parts=(), held_permille=0)
    total: dict[int, int] = {}
    for cell in filled:
        for label, share in zip(cell.parts[::2], cell.parts[1::2], strict=True):
            total[label] = total.get(label, 0) + share
    ordered = sorted(total.items(), key=lambda part: -part[1])
    parts = tuple(number for label, share in ordered for number in (label, share // len(filled)))
    return Cell(parts=parts, held_permille=sum(cell.held_permille for cell in filled) // len(filled))


def squares(cell: Cell, count: int, first_label: int) -> list[int]:
    """``count`` little squares shared out among the cell's parts; ``first_label`` (free) comes last.

    A part too small for a square of its own is not drawn; what is left over goes to the largest.
    """
    if not cell.parts:
        return [HOLE] * count
    parts = list(zip(cell.parts[::2], cell.parts[1::2], strict=True))
    whole = sum(share for _, share in parts)
    amounts = {label: int(share * count / whole + 0.5) for label, share in parts}
    amounts[parts[0][0]] += count - sum(amounts.values())
    order = sorted(amounts, key=lambda label: (label == first_label, label))
    drawn = [label for label in order for _ in range(max(0, amounts[label]))]
    return (drawn + [parts[0][0]] * count)[:count]


def image_of(cells: Sequence[Cell], columns: int, side: int, free_label: int) -> Image:
    """Cells in rows of ``columns``, each ``side`` × ``side`` little squares; label numbers or ``HOLE``."""
    rows = max(1, -(-len(cells) // columns))
    image = np.full((rows, columns, side, side), HOLE, dtype=np.int32)
    for number, cell in enumerate(cells):
        image[number // columns, number % columns] = np.reshape(
            squares(cell, side * side, free_label), (side, side)
        )
    return image.transpose(0, 2, 1, 3).reshape(rows * side, columns * side)
