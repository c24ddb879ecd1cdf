"""The picture's cells: a few neighbouring pageblocks each, and what they are made of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kvmedic.derive.block_kinds import GUESTS, Blocks
from kvmedic.derive.page_classes import CLASS_INDEX, CLASSES
from kvmedic.model.page_map import Cell, Label

MOST_CELLS = 4096
_MOST_PARTS = 6
_LEAST_SHARE = 5
_PLAIN_CLASSES = tuple(page_class for page_class in CLASSES if page_class not in GUESTS)


def labels_of(domains: tuple[str, ...]) -> tuple[Label, ...]:
    """The labels of a picture: every class, and for what domains hold one for each of them.

    A guest's class without a domain stands for pages that several domains map.
    """
    plain = tuple(Label(page_class=page_class, domain=None) for page_class in _PLAIN_CLASSES)
    owned = (Label(page_class=kind, domain=domain) for kind in GUESTS for domain in (None, *domains))
    return plain + tuple(owned)


def blocks_per_cell(all_blocks: int) -> int:
    """How many pageblocks a cell needs so that a host has at most ``MOST_CELLS``."""
    return max(1, -(-all_blocks // MOST_CELLS))


def cells_of(blocks: Blocks, voters: NDArray[np.integer], domains: int, per_cell: int) -> tuple[Cell, ...]:
    """Cells of ``per_cell`` blocks each, in order; ``voters``: a block's domain (1…; others: several)."""
    count = -(-len(blocks.memory) // per_cell)
    cell = np.arange(len(blocks.memory)) // per_cell
    pages = _pages_by_label(blocks, voters, domains, cell, count)
    has_memory = blocks.memory > 0
    held = np.bincount(cell, weights=(blocks.unmovable > 0) & has_memory, minlength=count)
    existing = np.maximum(np.bincount(cell, weights=has_memory, minlength=count), 1)
    held_permille = np.rint(1000 * held / existing).astype(int)
    memory = np.maximum(pages.sum(axis=1, keepdims=True), 1)
    return _parts(np.rint(1000 * pages / memory).astype(int), held_permille)


def _pages_by_label(
    blocks: Blocks, voters: NDArray[np.integer], domains: int, cell: NDArray[np.int64], count: int
) -> NDArray[np.float64]:
    columns = []
    for page_class in _PLAIN_CLASSES:
        column = blocks.by_class[:, CLASS_INDEX[page_class]]
        columns.append(np.bincount(cell, weights=column, minlength=count)[:, None])
    slot = np.where(voters <= domains, voters, 0).astype(np.int64)
    for page_class in GUESTS:
        column = blocks.by_class[:, CLASS_INDEX[page_class]]
        width = domains + 1
        by_owner = np.bincount(cell * width + slot, weights=column, minlength=count * width)
        columns.append(by_owner.reshape(count, width))
    return np.concatenate(columns, axis=1)


def _parts(shares: NDArray[np.int64], held_permille: NDArray[np.int64]) -> tuple[Cell, ...]:
    order = np.argsort(-shares, axis=1, kind="stable")[:, :_MOST_PARTS]
    sorted_shares = np.take_along_axis(shares, order, axis=1)
    interleaved = np.stack([order, sorted_shares], axis=2).reshape(len(shares), -1)
    lengths = 2 * np.count_nonzero(sorted_shares >= _LEAST_SHARE, axis=1)
    rows = zip(interleaved.tolist(), lengths.tolist(), held_permille.tolist(), strict=True)
    return tuple(Cell(parts=tuple(row[:length]), held_permille=held) for row, length, held in rows)
