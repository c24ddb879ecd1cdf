"""What can be done with a pageblock: is it empty, can compaction move what lies in it, what would free it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kvmedic.derive.page_classes import CLASS_INDEX, CLASSES, IDLE_FILE
from kvmedic.model.page_map import PageClass

Table = NDArray[np.integer]
Booleans = NDArray[np.bool_]

GUESTS = (PageClass.GUEST, PageClass.GUEST_THP, PageClass.STRANDED)
CACHE = (PageClass.PAGE_CACHE,)
PROCESSES = (
    PageClass.ANONYMOUS,
    PageClass.THP,
    PageClass.SHMEM,
    PageClass.UNEVICTABLE,
    PageClass.KSM,
)
MOVABLE = GUESTS + CACHE + PROCESSES
"""Moved by compaction, unless something pins them, which a map cannot see. Locked pages: as by default."""
KERNEL_USE = (PageClass.SLAB, PageClass.PAGE_TABLES, PageClass.KERNEL)
FIXED = (PageClass.RESERVED, PageClass.OFFLINE, PageClass.HWPOISON)
UNMOVABLE = (*KERNEL_USE, *FIXED, PageClass.HUGETLB)


def pages_of(by_class: Table, classes: tuple[PageClass, ...]) -> NDArray[np.int64]:
    """Pages of all ``classes`` together, by block."""
    columns = [CLASS_INDEX[page_class] for page_class in classes]
    return np.asarray(by_class[:, columns].sum(axis=1, dtype=np.int64))


class Blocks(NamedTuple):
    """Sums by pageblock that every question about blocks starts from, in pages."""

    by_class: Table
    memory: NDArray[np.int64]
    free: NDArray[np.int64]
    movable: NDArray[np.int64]
    unmovable: NDArray[np.int64]
    unknown: NDArray[np.int64]

    def becomes_empty(self, freed: NDArray[np.int64]) -> Booleans:
        """Blocks that are not empty, and would be if ``freed`` more pages of each were."""
        is_used = (self.memory > 0) & (self.free < self.memory)
        return np.asarray(is_used & (self.free + freed == self.memory))

    @property
    def is_empty(self) -> Booleans:
        """All of its memory is free."""
        return np.asarray((self.memory > 0) & (self.free == self.memory))


def blocks_of(by_class: Table) -> Blocks:
    """The sums of a table by class (columns of ``page_classes.COLUMNS``)."""
    memory = by_class[:, : len(CLASSES)].sum(axis=1, dtype=np.int64)
    return Blocks(
        by_class,
        memory,
        pages_of(by_class, (PageClass.FREE,)),
        pages_of(by_class, MOVABLE),
        pages_of(by_class, UNMOVABLE),
        pages_of(by_class, (PageClass.UNCLASSIFIED,)),
    )


def kinds_of(blocks: Blocks) -> Booleans:
    """One row a block, 1 in the column of its kind: empty, movable, mixed, held, unknown (see BlockKinds)."""
    is_held = blocks.unmovable > 0
    is_unknown = ~is_held & (blocks.unknown > 0)
    is_movable = ~is_held & ~is_unknown & (blocks.movable > 0)
    is_mixed = is_held & (blocks.movable > 0)
    columns = (blocks.is_empty, is_movable, is_mixed, is_held & ~is_mixed, is_unknown)
    return np.stack(columns, axis=1)


QUESTIONS = (
    "empty",
    "free_in_movable",
    "free_anywhere",
    "without_unmovable",
    "release",
    "drop_idle_cache",
    "drop_cache",
    "reboot_surely",
    "reboot_at_best",
)


def answers_of(blocks: Blocks) -> NDArray[np.int32]:
    """One row a block, what it contributes to each of ``QUESTIONS`` (blocks, or pages where it says free)."""
    is_usable = (blocks.unmovable == 0) & (blocks.memory > 0)
    is_surely_usable = is_usable & (blocks.unknown == 0)
    fixed = pages_of(blocks.by_class, FIXED)
    columns = (
        blocks.is_empty,
        np.where(is_surely_usable, blocks.free, 0),
        blocks.free,
        is_usable,
        blocks.becomes_empty(pages_of(blocks.by_class, (PageClass.STRANDED,))),
        blocks.becomes_empty(blocks.by_class[:, IDLE_FILE].astype(np.int64)),
        blocks.becomes_empty(pages_of(blocks.by_class, CACHE)),
        is_surely_usable & ~blocks.is_empty,
        (blocks.memory > 0) & (fixed == 0) & ~blocks.is_empty,
    )
    return np.stack([np.asarray(column, dtype=np.int32) for column in columns], axis=1)
