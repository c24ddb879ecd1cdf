"""The sampled page map: some pageblocks for the host, some windows of address space for each domain.

Physical blocks say what the host's memory is used for. What a domain strands is estimated from its page
tables: a sampled entry leads to its folio, and the folio's unmapped pages are shared out over all that
map it, so the estimate is unbiased by folio however the folio lies in the address space.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kvmedic.adapters.page_map_full import Report, gap_without_pages, guest_areas
from kvmedic.adapters.page_map_source import FrameSource, Words, count_frames, gap_of, read_whole
from kvmedic.derive.block_counts import BlockCounts
from kvmedic.derive.page_classes import (
    ANONYMOUS_CODES,
    NOPAGE_BIT,
    OWNED,
    Classifier,
    Counts,
    is_large_anonymous,
)
from kvmedic.derive.page_sample import Design, Estimate, draw, estimate
from kvmedic.derive.stranded import share_by_mapping, unmapped_of_mapped
from kvmedic.derive.window_sample import Chunks, Entries, dense_chunks, quantities, select_entries
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.page_map_request import DomainProcess, PageMapRequest
from kvmedic.parse.process_maps import Mapping

_HOLE = int(NOPAGE_BIT)
_WORTH_A_THREAD = 24
Read = Callable[[int, Words], int]
"""Reads words from a frame number on; how many it could."""
_SHARE = 0.016
"""Share of all pageblocks read for the host; windows of domains get as much again."""
_LEAST_BLOCKS, _MOST_BLOCKS = 96, 6000
_LEAST_WINDOWS_OF_ALL, _LEAST_WINDOWS, _MOST_WINDOWS = 112, 4, 2000


class SampledBlocks(NamedTuple):
    """A zone's sampled pageblocks: the design over its blocks; classes and the domain of each sampled one."""

    design: Design
    by_class: NDArray[np.integer]
    voters: NDArray[np.integer]


class SampledDomain(NamedTuple):
    """Estimates for one domain, in pages (and folios), by ``window_sample.QUANTITIES``."""

    domain: DomainProcess
    found: Estimate


class SampledReader:
    """Reads one sampled map. Use once."""

    def __init__(
        self, source: FrameSource, request: PageMapRequest, domain_of_cgroup: dict[int, int]
    ) -> None:
        self._source, self._request = source, request
        self._block_pages = 1 << request.pageblock_order
        self._chunk_pages = max(self._block_pages, 1 << request.chunk_order)
        self._random = np.random.default_rng(request.seed)
        self._domain_of_cgroup = domain_of_cgroup
        self.frames = count_frames(source)
        self.frames_read = 0
        self.gaps: list[Missing] = []

    def blocks(self, ranges: tuple[tuple[int, int], ...]) -> tuple[SampledBlocks, ...]:
        """Sample each range of pageblocks (first, count): the zones of the host."""
        population = max(1, sum(count for _, count in ranges))
        wanted = int(min(_MOST_BLOCKS, max(_LEAST_BLOCKS, population * _SHARE)))
        return tuple(self._zone(first, count, round(wanted * count / population)) for first, count in ranges)

    def _zone(self, first_block: int, count: int, wanted: int) -> SampledBlocks:
        design = draw(count, wanted, self._random)
        starts = (design.units + first_block) * self._block_pages
        flags = self._read_flags(starts, self._block_pages)
        classifier = Classifier(flags.size)
        codes = classifier.codes(flags)
        found = BlockCounts(design.units.size, len(self._request.domains), self._block_pages)
        owners = self._owners(starts, classifier.count(codes, self._block_pages))
        if owners is None:
            found.note(0, classifier.count(codes, self._block_pages))
        else:
            np.bitwise_or(codes, (owners > 0).view(np.uint8) * np.uint8(OWNED), out=codes)
            by_code = classifier.count(codes, self._block_pages)
            found.note(0, by_code)
            found.note_owners(0, by_code, codes, owners)
            self._note_stranded(found, starts, flags, owners)
        return SampledBlocks(design, found.by_class, found.voter)

    def _owners(self, starts: NDArray[np.int64], by_code: Counts) -> NDArray[np.uint16] | None:
        """The domain whose cgroup each frame is charged to; None where no group is a domain's alone."""
        if not self._domain_of_cgroup:
            return None
        rows = np.flatnonzero(by_code[:, ANONYMOUS_CODES].any(axis=1))
        owners = np.zeros((starts.size, self._block_pages), dtype=np.uint16)
        groups = np.zeros((rows.size, self._block_pages), dtype=np.uint64)
        try:
            self._read_rows(self._source.cgroups, starts[rows], groups, 0)
        except OSError as error:
            self.gaps.append(gap_of(error, "proc/kpagecgroup"))
            return None
        for inode, number in self._domain_of_cgroup.items():
            owners[rows] |= (groups == inode) * np.uint16(number)
        return owners.reshape(-1)

    def _note_stranded(
        self, found: BlockCounts, starts: NDArray[np.int64], flags: Words, owners: NDArray[np.uint16]
    ) -> None:
        """Tell stranded pages from mapped ones, in blocks with large folios that a domain is charged for."""
        pages = self._block_pages
        if not self._request.exact_map_counts or pages != self._chunk_pages:
            return
        is_theirs = (is_large_anonymous(flags) & (owners > 0)).reshape(-1, pages)
        rows = np.flatnonzero(is_theirs.any(axis=1))
        counts = np.ones((rows.size, pages), dtype=np.uint64)
        self._read_rows(self._source.map_counts, starts[rows], counts, 1)
        stranded = unmapped_of_mapped(flags.reshape(-1, pages)[rows].reshape(-1), counts.reshape(-1), pages)
        found.move_stranded(rows, (stranded.reshape(-1, pages) & is_theirs[rows]).sum(axis=1))

    def _read_flags(self, starts: NDArray[np.int64], pages: int) -> Words:
        flags = np.empty((starts.size, pages), dtype=np.uint64)
        self._read_rows(self._source.flags, starts, flags, _HOLE)
        self.frames_read += flags.size
        return flags.reshape(-1)

    def _read_rows(self, read: Read, starts: NDArray[np.int64], rows: Words, fill: int) -> None:
        """Read a row of words from each start; half by a second thread where there are many."""

        def part(chosen: range) -> None:
            for row in chosen:
                read_whole(read(int(starts[row]), rows[row]), rows[row], fill)

        if starts.size < _WORTH_A_THREAD or self._request.threads == 1:
            part(range(starts.size))
            return
        with ThreadPoolExecutor(max_workers=1) as pool:
            other = pool.submit(part, range(0, starts.size, 2))
            part(range(1, starts.size, 2))
            other.result()

    def domains(self, report: Report) -> tuple[SampledDomain, ...]:
        """Estimates for every domain that can be read; a gap for each that cannot."""
        areas = []
        for domain in self._request.domains:
            report(f"domain {domain.pid}", 0.0)
            windows = self._areas(domain)
            if windows is not None:
                areas.append((domain, windows))
        total = max(1, sum(len(windows) for _, windows in areas))
        wanted = max(_LEAST_WINDOWS_OF_ALL, min(self.frames // self._block_pages, total) * _SHARE)
        found = []
        for domain, windows in areas:
            report(f"domain {domain.pid}", 0.0)
            share = int(wanted * len(windows) / total)
            estimated = self._domain(domain, windows, min(_MOST_WINDOWS, max(_LEAST_WINDOWS, share)))
            if estimated is not None:
                found.append(estimated)
        return tuple(found)

    def _areas(self, domain: DomainProcess) -> NDArray[np.int64] | None:
        """Windows of a domain's address space by their first virtual pages, in the order of addresses."""
        mappings = self._source.mappings(domain.pid)
        if isinstance(mappings, Missing):
            self.gaps.append(mappings)
            return None
        return cut_windows(guest_areas(mappings), self._request.page_size_bytes, self._chunk_pages)

    def _domain(self, domain: DomainProcess, windows: NDArray[np.int64], wanted: int) -> SampledDomain | None:
        if not len(windows):
            self.gaps.append(gap_without_pages(domain.pid))
            return None
        design = draw(len(windows), wanted, self._random)
        try:
            entries = self._entries(domain.pid, windows[design.units], everything=design.is_complete)
        except OSError as error:
            self.gaps.append(gap_of(error, f"proc/{domain.pid}/pagemap"))
            return None
        if entries.frames.size and not entries.frames.any():
            detail = "frame numbers are hidden from this reader"
            self.gaps.append(
                Missing(source=f"proc/{domain.pid}/pagemap", reason=Reason.DENIED, detail=detail)
            )
            return None
        values = self._quantities(entries, len(design.units))
        return SampledDomain(domain, estimate(design, values, self._chunk_pages, within=True))

    def _entries(self, pid: int, windows: NDArray[np.int64], *, everything: bool) -> Entries:
        raw = np.zeros((len(windows), self._chunk_pages), dtype=np.uint64)
        for row, first in enumerate(windows.tolist()):
            self._source.pagemap(pid, first, raw[row])
        return select_entries(raw, self._chunk_pages, self._random, everything=everything)

    def _quantities(self, entries: Entries, windows: int) -> NDArray[np.float64]:
        """Read the flags of the selected entries' frames, and whole folios where one may be partly mapped."""
        dense = self._read_chunks(dense_chunks(entries, self._chunk_pages))
        flags = self._flags_of(entries, dense)
        needs = entries.needs_folio(flags)
        wanted = np.unique(entries.frames[needs] // self._chunk_pages)
        folios = self._read_chunks(wanted, dense)
        share = share_by_mapping(folios.flags, self._map_counts(folios.numbers), self._chunk_pages)
        return quantities(entries, flags, needs=needs, folios=folios, share=share, windows=windows)

    def _read_chunks(self, numbers: NDArray[np.int64], known: Chunks | None = None) -> Chunks:
        """Flags of whole chunks of frames; those in ``known`` are not read again."""
        flags = np.empty(numbers.size * self._chunk_pages, dtype=np.uint64)
        rows = flags.reshape(-1, self._chunk_pages)
        is_known = np.isin(numbers, known.numbers) if known else np.zeros(numbers.size, dtype=np.bool_)
        if known and is_known.any():
            place = np.searchsorted(known.numbers, numbers[is_known])
            rows[is_known] = known.flags.reshape(-1, self._chunk_pages)[place]
        missing = numbers[~is_known] * self._chunk_pages
        rows[~is_known] = self._read_flags(missing, self._chunk_pages).reshape(-1, self._chunk_pages)
        return Chunks(numbers, flags, self._chunk_pages)

    def _map_counts(self, chunks: NDArray[np.int64]) -> Words:
        counts = np.ones(chunks.size * self._chunk_pages, dtype=np.uint64)
        if self._request.exact_map_counts and chunks.size:
            rows = counts.reshape(-1, self._chunk_pages)
            self._read_rows(self._source.map_counts, chunks * self._chunk_pages, rows, 1)
        return counts

    def _flags_of(self, entries: Entries, dense: Chunks) -> Words:
        """Flags by entry: of its own frame, from a chunk already read where there is one."""
        flags = np.zeros(entries.frames.size, dtype=np.uint64)
        is_dense = dense.holds(entries.frames)
        flags[is_dense] = dense.flags[dense.place(entries.frames[is_dense])]
        for row in np.flatnonzero(~is_dense).tolist():
            self._source.flags(int(entries.frames[row]), flags[row : row + 1])
        self.frames_read += int(np.count_nonzero(~is_dense))
        return flags


def cut_windows(areas: tuple[Mapping, ...], page_size: int, pages: int) -> NDArray[np.int64]:
    """First virtual pages of all aligned runs of ``pages`` pages that an area reaches into.

    Small neighbouring areas (stacks, arenas) share a window, so they do not crowd out the guest's memory.
    """
    starts = [
        np.arange(area.start // page_size // pages, -(-area.end // page_size // pages), dtype=np.int64)
        for area in areas
    ]
    return np.unique(np.concatenate(starts)) * pages if starts else np.empty(0, dtype=np.int64)
