"""Stranded memory: pages of a large anonymous folio that nobody maps, while its owner maps the rest.

A folio is a head and the tails behind it, of whatever size the kernel chose. It is counted by its frames,
never by the virtual block it once filled: a process that touched the holes again has new pages there,
and the old folio still keeps the old ones.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kvmedic.derive.page_classes import TAIL_BIT, Flags, is_large_anonymous


class Folios(NamedTuple):
    """Frames grouped into folios: where each begins, and of which folio each frame is."""

    starts: NDArray[np.int64]
    of_frame: NDArray[np.int64]


class Stranded(NamedTuple):
    """Which frames are stranded, whose they are, and the folios they lie in."""

    frames: NDArray[np.bool_]
    owner_of_frame: NDArray[np.integer]
    folios: Folios
    folio_owner: NDArray[np.integer]
    pages_of_folio: NDArray[np.int64]


def group_folios(flags: Flags, chunk_pages: int) -> Folios:
    """Cut whole chunks of frames into folios; every frame that is no tail begins one, every chunk too."""
    begins = (flags & TAIL_BIT) == 0
    begins[::chunk_pages] = True
    return Folios(np.flatnonzero(begins), np.cumsum(begins, dtype=np.int64) - 1)


def find_stranded(
    flags: Flags,
    map_counts: NDArray[np.uint64] | None,
    owners: NDArray[np.integer],
    chunk_pages: int,
) -> Stranded:
    """The stranded frames among whole, aligned chunks that no folio leaves.

    ``owners`` says which domain maps a frame (0: none). Without ``map_counts`` (/proc/kpagecount) a frame
    that a process other than the domains maps looks stranded too.
    """
    folios = group_folios(flags, chunk_pages)
    folio_owner = np.maximum.reduceat(owners, folios.starts)
    owner_of_frame = folio_owner[folios.of_frame]
    frames = is_large_anonymous(flags) & (owners == 0) & (owner_of_frame > 0)
    if map_counts is not None:
        frames &= map_counts == 0
    pages = np.add.reduceat(frames, folios.starts, dtype=np.int64)
    return Stranded(frames, owner_of_frame, folios, folio_owner, pages)


def unmapped_of_mapped(flags: Flags, map_counts: NDArray[np.uint64], chunk_pages: int) -> NDArray[np.bool_]:
    """Frames of large anonymous folios that nobody maps, where something maps another frame of the folio."""
    if not flags.size:
        return np.empty(0, dtype=np.bool_)
    folios = group_folios(flags, chunk_pages)
    is_large = is_large_anonymous(flags)
    is_mapped = np.logical_or.reduceat(is_large & (map_counts > 0), folios.starts)
    return np.asarray(is_large & (map_counts == 0) & is_mapped[folios.of_frame])


class FolioShare(NamedTuple):
    """For each frame, its part of what its folio strands: summed over all that map it, the whole."""

    pages: NDArray[np.float64]
    folios: NDArray[np.float64]


def share_by_mapping(flags: Flags, map_counts: NDArray[np.uint64], chunk_pages: int) -> FolioShare:
    """What one mapping of each frame stands for, in stranded pages and in folios with stranded pages.

    A folio whose unmapped pages are s and whose frames are mapped m times gives s/m to each mapping, so a
    random sample of mappings estimates the sum without bias, however they lie in the address space.
    """
    if not flags.size:
        return FolioShare(np.empty(0), np.empty(0))
    folios = group_folios(flags, chunk_pages)
    is_large = is_large_anonymous(flags)
    unmapped = np.add.reduceat(is_large & (map_counts == 0), folios.starts, dtype=np.int64)
    mappings = np.add.reduceat(np.where(is_large, map_counts, 0).astype(np.int64), folios.starts)
    divisor = np.maximum(mappings, 1)
    pages = np.where(mappings > 0, unmapped / divisor, 0.0)
    count = np.where((mappings > 0) & (unmapped > 0), 1.0 / divisor, 0.0)
    return FolioShare(pages[folios.of_frame], count[folios.of_frame])
