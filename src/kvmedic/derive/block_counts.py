"""Counts of page classes by pageblock: what a whole host's memory is reduced to while it is read."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kvmedic.derive.page_classes import (
    CLASS_INDEX,
    CODES,
    COLUMNS,
    LARGE_CODES,
    LOCKED_BITS,
    OWNED,
    Codes,
    Counts,
    Flags,
    fold,
)
from kvmedic.derive.stranded import Stranded, find_stranded
from kvmedic.model.page_map import PageClass

SEVERAL = np.iinfo(np.uint16).max
"""Owner of a pageblock in which several domains have pages."""

_STRANDED, _THP = CLASS_INDEX[PageClass.STRANDED], CLASS_INDEX[PageClass.THP]
_UNEVICTABLE, _GUEST_THP = CLASS_INDEX[PageClass.UNEVICTABLE], CLASS_INDEX[PageClass.GUEST_THP]
_UNOWNED_LARGE = np.flatnonzero(LARGE_CODES & (np.arange(CODES) < OWNED))
_OWNED_LARGE = np.flatnonzero(LARGE_CODES & (np.arange(CODES) >= OWNED))


class BlockCounts:
    """Pages by class of ``blocks`` pageblocks, and of each domain, as they are found.

    ``by_class`` has the columns of ``page_classes.COLUMNS``; ``owner`` is the only domain with pages in the
    block (0 none, ``SEVERAL``); ``voter`` is the owner of one of its pages, for the picture.
    ``of_domain`` counts codes by owner (row 0 unused, the last row: frames that several domains map).
    """

    def __init__(self, blocks: int, domains: int, block_pages: int) -> None:
        self.block_pages = block_pages
        self.by_class: NDArray[np.uint16] = np.zeros((blocks, COLUMNS), dtype=np.uint16)
        self.owner: NDArray[np.uint16] = np.zeros(blocks, dtype=np.uint16)
        self.voter: NDArray[np.uint16] = np.zeros(blocks, dtype=np.uint16)
        self.of_domain: Counts = np.zeros((domains + 2, CODES), dtype=np.int64)
        self.stranded_pages: Counts = np.zeros(domains + 2, dtype=np.int64)
        self.stranded_folios: Counts = np.zeros(domains + 2, dtype=np.int64)

    def note(self, first_block: int, by_code: Counts) -> None:
        """Note the pages of whole blocks, by code."""
        self.by_class[first_block : first_block + len(by_code)] = fold(by_code)

    def note_owners(
        self, first_block: int, by_code: Counts, codes: Codes, owners: NDArray[np.integer]
    ) -> Counts:
        """Note whose the pages of these blocks are; the matrix to be added to ``of_domain``."""
        rows = owners.reshape(-1, self.block_pages)
        top = rows.max(axis=1)
        owned = np.flatnonzero(top)
        some = rows[owned]
        is_single = np.asarray((some == 0) | (some == top[owned, None])).all(axis=1)
        here = first_block + owned
        self.owner[here] = np.where(is_single, top[owned], SEVERAL)
        self.voter[here] = _vote(some, top[owned])
        found = np.zeros_like(self.of_domain)
        for owner in np.unique(top[owned[is_single]]):
            found[owner, OWNED:] = by_code[owned[is_single & (top[owned] == owner)], OWNED:].sum(axis=0)
        mixed = owned[~is_single]
        if mixed.size:
            found += self._by_owner(codes.reshape(-1, self.block_pages)[mixed], rows[mixed])
        return found

    def _by_owner(self, codes: Codes, owners: NDArray[np.integer]) -> Counts:
        is_owned = owners > 0
        key = owners[is_owned].astype(np.int64) * CODES + codes[is_owned]
        return np.bincount(key, minlength=self.of_domain.size).reshape(self.of_domain.shape)

    def note_stranded(
        self, blocks: NDArray[np.int64], flags: Flags, found: Stranded
    ) -> tuple[Counts, Counts]:
        """Move the stranded frames of ``blocks`` to their class; (pages, folios) by owner, to be added."""
        is_locked = found.frames & ((flags & LOCKED_BITS) != 0)
        locked, pages = self._pages_of(is_locked), self._pages_of(found.frames)
        self.by_class[blocks, _UNEVICTABLE] -= locked
        self.by_class[blocks, _THP] -= pages - locked
        self.by_class[blocks, _STRANDED] += pages
        size = self.stranded_pages.size
        by_owner = np.bincount(found.owner_of_frame[found.frames], minlength=size)
        return by_owner, np.bincount(found.folio_owner[found.pages_of_folio > 0], minlength=size)

    def move_stranded(self, blocks: NDArray[np.int64], pages: NDArray[np.integer]) -> None:
        """Count ``pages`` of each of ``blocks`` as stranded, which were counted as a domain's mapped ones."""
        self.by_class[blocks, _GUEST_THP] -= pages.astype(np.uint16)
        self.by_class[blocks, _STRANDED] += pages.astype(np.uint16)

    def _pages_of(self, frames: NDArray[np.bool_]) -> NDArray[np.uint16]:
        return np.asarray(frames.reshape(-1, self.block_pages).sum(axis=1, dtype=np.uint16))


def _vote(rows: NDArray[np.integer], fallback: NDArray[np.integer]) -> NDArray[np.integer]:
    """The owner of the first owned page among a few, spread over the block."""
    votes = rows[:, :: max(1, rows.shape[1] // 8)]
    first = votes[np.arange(len(votes)), (votes > 0).argmax(axis=1)]
    return np.where(first > 0, first, fallback)


def suspects(by_code: Counts, blocks_per_chunk: int) -> NDArray[np.int64]:
    """Chunks in which a domain maps a large folio's page, and a large folio's page is mapped by no domain."""
    by_chunk = by_code.reshape(-1, blocks_per_chunk, CODES).sum(axis=1) > 0
    return np.flatnonzero(by_chunk[:, _UNOWNED_LARGE].any(axis=1) & by_chunk[:, _OWNED_LARGE].any(axis=1))


def confirmed(
    first: Flags,
    second: Flags,
    map_counts: NDArray[np.uint64] | None,
    owners: NDArray[np.integer],
    chunk_pages: int,
) -> Stranded:
    """The frames that two readings of the same chunks both show as stranded."""
    before = find_stranded(first, None, owners, chunk_pages)
    after = find_stranded(second, map_counts, owners, chunk_pages)
    frames = before.frames & after.frames
    pages = np.add.reduceat(frames, after.folios.starts, dtype=np.int64)
    return after._replace(frames=frames, pages_of_folio=pages)
