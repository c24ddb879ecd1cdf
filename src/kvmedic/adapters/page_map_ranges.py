"""The exact addresses of one process whose folios have stranded pages: what MADV_COLD is to be given.

Three passes: the page tables say which frames the process maps; the flags and map counts of the chunks
around those say which folios strand pages; the page tables, again, say where those folios are mapped.
Frames are taken in parts, so memory stays bounded.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kvmedic.adapters.page_map_full import PART_FRAMES, WINDOW_FRAMES, Report, guest_areas, windows_of
from kvmedic.adapters.page_map_make import with_known_counts
from kvmedic.adapters.page_map_source import FrameSource, ProcFrames, count_frames, gap_of, read_whole
from kvmedic.derive.block_counts import confirmed
from kvmedic.derive.page_classes import NOPAGE_BIT
from kvmedic.derive.page_owners import PFN_MASK, PRESENT, Owners, present_frames
from kvmedic.derive.stranded import Stranded
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.page_map import StrandedRange
from kvmedic.model.page_map_request import PageMapRequest
from kvmedic.parse.process_maps import Mapping

_HOLE = int(NOPAGE_BIT)
_BATCH_CHUNKS = 128


class StrandedFolios(NamedTuple):
    """Folios with stranded pages, by frame number: where each begins, ends, and what it strands."""

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    pages: NDArray[np.int64]


def stranded_ranges(request: PageMapRequest, pid: int, report: Report) -> tuple[StrandedRange, ...] | Missing:
    """The ranges of process ``pid``, in the order of addresses; a gap where they cannot be known."""
    with ProcFrames(Path(request.proc)) as source:
        try:
            return ranges_from(source, with_known_counts(source, request), pid, report)
        except OSError as error:
            return gap_of(error, f"proc/{pid}/pagemap")


def ranges_from(
    source: FrameSource, request: PageMapRequest, pid: int, report: Report
) -> tuple[StrandedRange, ...] | Missing:
    """The same, of any source of frames. OSError where it cannot be read."""
    report(f"domain {pid}", 0.0)
    mappings = source.mappings(pid)
    if isinstance(mappings, Missing):
        return mappings
    areas = tuple(area for area in guest_areas(mappings) if area.kind == "anonymous")
    chunk = 1 << max(request.chunk_order, request.pageblock_order)
    padded = -(-count_frames(source) // chunk) * chunk
    parts = []
    for first in range(0, padded, PART_FRAMES):
        owners = Owners(first, min(PART_FRAMES, padded - first), 1)
        if not _claim_all(source, pid, areas, request.page_size_bytes, owners):
            return Missing(
                source=f"proc/{pid}/pagemap", reason=Reason.DENIED, detail="frame numbers are hidden"
            )
        parts.append(_folios(source, owners, chunk, bool(request.exact_map_counts)))
        report("frames", min(1.0, first / padded))
    folios = StrandedFolios(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    return _where_mapped(source, pid, areas, request.page_size_bytes, folios)


def _claim_all(
    source: FrameSource, pid: int, areas: tuple[Mapping, ...], page_size: int, owners: Owners
) -> bool:
    """Note every frame the process maps; False where frame numbers are hidden."""
    entries = np.empty(WINDOW_FRAMES, dtype=np.uint64)
    for first_page, count in windows_of(areas, page_size):
        read = source.pagemap(pid, first_page, entries[:count])
        frames = present_frames(entries[:read])
        if frames.size and not frames.any():
            return False
        owners.claim(frames, 1)
    return True


def _folios(source: FrameSource, owners: Owners, chunk: int, exact: bool) -> StrandedFolios:
    """Folios with stranded pages in the chunks that the process maps in part."""
    rows = owners.of_frame.reshape(-1, chunk)
    mapped = np.count_nonzero(rows, axis=1)
    partly = np.flatnonzero((mapped > 0) & (mapped < chunk))
    found = [
        _batch(source, owners, partly[at : at + _BATCH_CHUNKS], chunk, exact) for at in _steps(partly.size)
    ]
    if not found:
        nothing = np.empty(0, dtype=np.int64)
        return StrandedFolios(nothing, nothing, nothing)
    return StrandedFolios(*(np.concatenate(column) for column in zip(*found, strict=True)))


def _steps(count: int) -> range:
    return range(0, count, _BATCH_CHUNKS)


def _batch(
    source: FrameSource, owners: Owners, chunks: NDArray[np.int64], chunk: int, exact: bool
) -> StrandedFolios:
    first, again = (np.empty((chunks.size, chunk), dtype=np.uint64) for _ in range(2))
    counts = np.empty_like(first)
    for row, number in enumerate(chunks.tolist()):
        frame = owners.first + number * chunk
        read_whole(source.flags(frame, first[row]), first[row], _HOLE)
        if exact:
            read_whole(source.map_counts(frame, counts[row]), counts[row], 1)
        read_whole(source.flags(frame, again[row]), again[row], _HOLE)
    theirs = owners.of_frame.reshape(-1, chunk)[chunks].reshape(-1)
    map_counts = counts.reshape(-1) if exact else None
    return _located(
        confirmed(first.reshape(-1), again.reshape(-1), map_counts, theirs, chunk), owners, chunks, chunk
    )


def _located(found: Stranded, owners: Owners, chunks: NDArray[np.int64], chunk: int) -> StrandedFolios:
    """Host-wide frame numbers of the folios with stranded pages."""
    starts = found.folios.starts
    ends = np.append(starts[1:], chunks.size * chunk)
    base = owners.first + chunks[starts // chunk] * chunk - starts // chunk * chunk
    keep = found.pages_of_folio > 0
    return StrandedFolios((starts + base)[keep], (ends + base)[keep], found.pages_of_folio[keep])


def _where_mapped(
    source: FrameSource, pid: int, areas: tuple[Mapping, ...], page_size: int, folios: StrandedFolios
) -> tuple[StrandedRange, ...]:
    """Runs of virtual pages that map one of the folios; each folio's pages counted at its first run."""
    entries = np.empty(WINDOW_FRAMES, dtype=np.uint64)
    order = np.argsort(folios.starts)
    starts, ends, pages = (column[order] for column in folios)
    left = pages.copy()
    runs: list[StrandedRange] = []
    for first_page, count in windows_of(areas, page_size):
        read = source.pagemap(pid, first_page, entries[:count])
        page, folio = _hits(entries[:read], starts, ends)
        if not page.size:
            continue
        begins = np.flatnonzero(np.append(True, np.diff(folio) != 0))
        for low, high in zip(begins.tolist(), np.append(begins[1:], page.size).tolist(), strict=True):
            number = int(folio[low])
            start, end = first_page + int(page[low]), first_page + int(page[high - 1]) + 1
            _append(runs, start * page_size, (end - start) * page_size, int(left[number]) * page_size)
            left[number] = 0
    return tuple(runs)


def _hits(
    entries: NDArray[np.uint64], starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(place in ``entries``, folio) of the present entries that map one of the folios."""
    if not starts.size:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    present = np.flatnonzero((entries & PRESENT) != 0)
    frames = (entries[present] & PFN_MASK).view(np.int64)
    folio = np.searchsorted(starts, frames, side="right") - 1
    is_hit = (folio >= 0) & (frames < ends[folio])
    return present[is_hit], folio[is_hit]


def _append(runs: list[StrandedRange], start: int, length: int, stranded_bytes: int) -> None:
    """Add a run; one that touches or overlaps the last one lengthens it."""
    last = runs[-1] if runs else None
    if last is not None and start <= last.start + last.length:
        end = max(last.start + last.length, start + length)
        total = last.stranded_bytes + stranded_bytes
        runs[-1] = StrandedRange(start=last.start, length=end - last.start, stranded_bytes=total)
        return
    runs.append(StrandedRange(start=start, length=length, stranded_bytes=stranded_bytes))
