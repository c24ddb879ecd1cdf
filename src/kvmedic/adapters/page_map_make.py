"""One page map, made in this process: chooses the reader, and turns what stopped it into a gap."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec

from kvmedic.adapters.page_map_cgroups import domains_by_cgroup
from kvmedic.adapters.page_map_full import FullReader, Report
from kvmedic.adapters.page_map_probe import counts_are_exact
from kvmedic.adapters.page_map_sampled import SampledReader
from kvmedic.adapters.page_map_source import FrameSource, ProcFrames, count_frames, gap_of
from kvmedic.derive.page_domains import full_row, sampled_row
from kvmedic.derive.page_map import (
    ZoneBlocks,
    assemble,
    block_ranges,
    blocks_freed_by_migration,
    everything,
    spans_or_whole,
)
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.page_map import DomainPages, PageMap
from kvmedic.model.page_map_request import PageMapRequest

_NOTHING = Missing(source="proc/kpageflags", reason=Reason.NOT_FOUND, detail="it shows no page frames")


def make_page_map(request: PageMapRequest, report: Report) -> PageMap | Missing:
    """Read the host's page map as requested; a gap where the kernel does not let us."""
    with ProcFrames(Path(request.proc)) as source:
        try:
            return page_map_from(source, with_known_counts(source, request), report)
        except OSError as error:
            return gap_of(error, "proc/kpageflags")


def with_known_counts(source: FrameSource, request: PageMapRequest) -> PageMapRequest:
    """The request with ``exact_map_counts`` known; where even a try says nothing, they are taken as exact."""
    if request.exact_map_counts is not None:
        return request
    tried = counts_are_exact(source, request.page_size_bytes << request.chunk_order)
    return msgspec.structs.replace(request, exact_map_counts=tried is not False)


def page_map_from(source: FrameSource, request: PageMapRequest, report: Report) -> PageMap | Missing:
    """The page map of any source of frames. OSError where its flags cannot be read."""
    if count_frames(source) == 0:
        return _NOTHING
    return _full(source, request, report) if request.method == "full" else _sampled(source, request, report)


def _full(source: FrameSource, request: PageMapRequest, report: Report) -> PageMap:
    started = time.monotonic()
    reader = FullReader(source, request, report)
    reader.run()
    counts = reader.counts
    spans = spans_or_whole(request, reader.frames)
    zones = tuple(
        ZoneBlocks(
            span,
            everything(count),
            counts.by_class[first : first + count],
            counts.voter[first : first + count],
        )
        for span, (first, count) in zip(
            spans, block_ranges(spans, reader.frames, counts.block_pages), strict=True
        )
    )
    domains = _rows(reader, request)
    freed = blocks_freed_by_migration(counts, len(request.domains))
    theirs = tuple(freed[number - 1] for number in sorted(reader.entries))
    seconds = time.monotonic() - started
    return assemble(
        request,
        zones,
        domains,
        blocks_of_domain=theirs,
        gaps=tuple(reader.gaps),
        frames=reader.frames,
        frames_read=reader.frames,
        duration_s=seconds,
    )


def _rows(reader: FullReader, request: PageMapRequest) -> tuple[DomainPages, ...]:
    """A row for each domain whose page tables were read."""
    counts = reader.counts
    return tuple(
        full_row(
            domain,
            codes=counts.of_domain[number],
            entries=reader.entries[number],
            stranded_pages=int(counts.stranded_pages[number]),
            folios=int(counts.stranded_folios[number]),
            page_size=request.page_size_bytes,
            exact_counts=bool(request.exact_map_counts),
        )
        for number, domain in enumerate(request.domains, 1)
        if number in reader.entries
    )


def _sampled(source: FrameSource, request: PageMapRequest, report: Report) -> PageMap:
    started = time.monotonic()
    cgroups = domains_by_cgroup(Path(request.proc), request.domains)
    reader = SampledReader(source, request, cgroups)
    spans = spans_or_whole(request, reader.frames)
    ranges = block_ranges(spans, reader.frames, 1 << request.pageblock_order)
    report("frames", 0.0)
    zones = tuple(
        ZoneBlocks(span, found.design, found.by_class, found.voters)
        for span, found in zip(spans, reader.blocks(ranges), strict=True)
    )
    domains = tuple(
        sampled_row(found.domain, found.found, request.page_size_bytes, bool(request.exact_map_counts))
        for found in reader.domains(report)
    )
    seconds = time.monotonic() - started
    return assemble(
        request,
        zones,
        domains,
        blocks_of_domain=None,
        gaps=tuple(reader.gaps),
        frames=reader.frames,
        frames_read=reader.frames_read,
        duration_s=seconds,
    )
