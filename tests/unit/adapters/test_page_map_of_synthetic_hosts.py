"""Page maps of hosts made of arrays, where the truth is known to the page."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from synthetic_frames import KSM, NOPAGE, SLAB, SMALL_ANON, SWAPPED, SyntheticFrames, request_for

from kvmedic.adapters.page_map_make import page_map_from
from kvmedic.adapters.page_map_ranges import ranges_from
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.page_map import DomainPages, PageClass, PageMap
from kvmedic.model.page_map_request import PageMapRequest, ZoneSpan

PAGE, BLOCK = 4096, 512


def silent(_: str, __: float) -> None:
    """No progress wanted."""


def map_of(host: SyntheticFrames, request: PageMapRequest) -> PageMap:
    """A map that must come about."""
    found = page_map_from(host, request, silent)
    assert isinstance(found, PageMap)
    return found


def only_domain(page_map: PageMap) -> DomainPages:
    """The one domain of a map."""
    (domain,) = page_map.domains
    return domain


def guest_with_huge_pages(frames: int, blocks: int, first_block: int = 4) -> SyntheticFrames:
    """A host whose process 7 maps ``blocks`` huge pages."""
    host = SyntheticFrames(frames)
    host.process(7, blocks * BLOCK)
    for block in range(blocks):
        start = (first_block + block) * BLOCK
        host.folio(start, BLOCK)
        host.map(7, block * BLOCK, range(start, start + BLOCK))
    return host


def test_whole_huge_pages_strand_nothing() -> None:
    domain = only_domain(map_of(guest_with_huge_pages(16 * BLOCK, 8), request_for(7)))
    assert (domain.thp_bytes, domain.stranded_bytes, domain.stranded_blocks) == (8 * BLOCK * PAGE, 0, 0)


def test_every_second_page_dropped_strands_half_of_each_huge_page() -> None:
    host = guest_with_huge_pages(16 * BLOCK, 8)
    for page in range(0, 4 * BLOCK, 2):
        host.unmap(7, page)
    domain = only_domain(map_of(host, request_for(7)))
    assert domain.stranded_bytes == 4 * BLOCK // 2 * PAGE
    assert domain.stranded_blocks == 4
    assert domain.thp_bytes == 6 * BLOCK * PAGE


def test_holes_touched_again_leave_the_old_pages_stranded() -> None:
    host = guest_with_huge_pages(32 * BLOCK, 8)
    fresh = 20 * BLOCK
    for page in range(0, 4 * BLOCK, 2):
        host.unmap(7, page)
        host.folio(fresh, 1)
        host.map(7, page, range(fresh, fresh + 1))
        fresh += 1
    domain = only_domain(map_of(host, request_for(7)))
    assert domain.stranded_bytes == 4 * BLOCK // 2 * PAGE
    assert domain.anonymous_bytes == 4 * BLOCK // 2 * PAGE


def test_small_folios_are_counted_by_their_own_size() -> None:
    host = SyntheticFrames(8 * BLOCK)
    host.process(7, 64)
    for number, pages in enumerate((16, 4, 2, 1)):
        start = 2 * BLOCK + number * 16
        host.folio(start, pages)
        host.map(7, number * 16, range(start, start + pages))
    for page in (3, 4, 17):
        host.unmap(7, page)
    domain = only_domain(map_of(host, request_for(7)))
    assert (domain.stranded_bytes, domain.stranded_blocks) == (3 * PAGE, 2)


def test_a_page_that_another_process_maps_is_not_stranded() -> None:
    host = guest_with_huge_pages(16 * BLOCK, 2)
    host.process(8, BLOCK)
    host.map(8, 0, range(4 * BLOCK, 5 * BLOCK))
    host.unmap(7, 5)
    assert only_domain(map_of(host, request_for(7))).stranded_bytes == 0


class Fickle(SyntheticFrames):
    """Shows small frames where it showed folios, from the second reading of a place on."""

    def flags(self, first: int, into: NDArray[np.uint64]) -> int:
        read = super().flags(first, into)
        if first == 4 * BLOCK and read > 1:
            into[:] = SMALL_ANON
        return read


def test_what_the_second_reading_does_not_show_is_not_stranded() -> None:
    steady = guest_with_huge_pages(16 * BLOCK, 1)
    fickle = Fickle(16 * BLOCK)
    for host in (steady, fickle):
        host.flag_of, host.count_of, host.tables = steady.flag_of, steady.count_of, steady.tables
    steady.unmap(7, 5)
    assert only_domain(map_of(steady, request_for(7))).stranded_bytes == PAGE
    assert only_domain(map_of(fickle, request_for(7))).stranded_bytes == 0


def test_swap_entries_are_not_stranded_pages() -> None:
    host = SyntheticFrames(8 * BLOCK)
    host.process(7, BLOCK)[:] = SWAPPED
    domain = only_domain(map_of(host, request_for(7)))
    assert (domain.stranded_bytes, domain.anonymous_bytes) == (0, 0)


def test_frames_of_two_domains_are_shared_and_belong_to_neither() -> None:
    host = SyntheticFrames(8 * BLOCK)
    for pid in (7, 8):
        host.process(pid, 10)
        host.map(pid, 0, range(BLOCK, BLOCK + 10))
    host.flag_of[BLOCK : BLOCK + 10] = SMALL_ANON | KSM
    page_map = map_of(host, request_for(7, 8))
    assert [domain.shared_bytes for domain in page_map.domains] == [10 * PAGE] * 2
    assert [domain.anonymous_bytes for domain in page_map.domains] == [0, 0]
    assert page_map.total(PageClass.KSM) == 10 * PAGE


def test_every_frame_is_counted_in_exactly_one_class() -> None:
    host = guest_with_huge_pages(16 * BLOCK, 8)
    host.flag_of[:100] = NOPAGE
    page_map = map_of(host, request_for(7))
    assert sum(row.bytes for row in page_map.totals) == (16 * BLOCK - 100) * PAGE


def test_a_host_that_ends_within_a_block_has_no_frames_behind_its_end() -> None:
    host = SyntheticFrames(3 * BLOCK + 17)
    page_map = map_of(host, request_for())
    assert page_map.total(PageClass.FREE) == (3 * BLOCK + 17) * PAGE
    assert page_map.blocks.empty == 4


def test_holes_that_the_kernel_shows_as_zero_are_no_memory() -> None:
    host = SyntheticFrames(8 * BLOCK)
    host.flag_of[: 2 * BLOCK] = 0
    zone = ZoneSpan(
        node=0,
        zone="Normal",
        start_pfn=0,
        spanned_pages=8 * BLOCK,
        present_pages=7 * BLOCK,
        managed_pages=7 * BLOCK - 100,
        pcp_pages=12,
    )
    page_map = map_of(host, request_for(zones=(zone,)))
    assert page_map.total(PageClass.UNCLASSIFIED) == BLOCK * PAGE
    assert page_map.unexplained_bytes == (BLOCK - 112) * PAGE


def test_kinds_of_blocks_tell_what_compaction_can_do() -> None:
    host = guest_with_huge_pages(8 * BLOCK, 1, first_block=0)
    host.flag_of[1 * BLOCK] = SLAB
    host.flag_of[2 * BLOCK : 3 * BLOCK] = SMALL_ANON
    host.flag_of[2 * BLOCK] = SLAB
    host.flag_of[3 * BLOCK : 4 * BLOCK] = 0
    kinds = map_of(host, request_for(7)).blocks
    assert (kinds.empty, kinds.movable, kinds.mixed, kinds.held, kinds.unknown) == (4, 1, 1, 1, 1)


def test_what_each_remedy_gives_back_is_counted_in_blocks_too() -> None:
    host = guest_with_huge_pages(8 * BLOCK, 2, first_block=2)
    host.flag_of[:BLOCK:2] = SMALL_ANON
    host.flag_of[BLOCK : 2 * BLOCK : 2] = SMALL_ANON
    page_map = map_of(host, request_for(7))
    by_remedy = {forecast.remedy: forecast for forecast in page_map.forecasts}
    assert by_remedy["migrate-domain"].least_bytes == 2 * BLOCK * PAGE
    assert by_remedy["migrate-domain"].least_blocks == 2
    assert by_remedy["compact-memory"].least_blocks == 1
    assert by_remedy["reboot-host"].least_blocks == 4


def test_release_frees_pages_but_no_whole_block_while_one_page_is_mapped() -> None:
    host = guest_with_huge_pages(8 * BLOCK, 1)
    for page in range(1, BLOCK):
        host.unmap(7, page)
    release = map_of(host, request_for(7)).forecasts[0]
    assert (release.least_bytes, release.least_blocks) == ((BLOCK - 1) * PAGE, 0)


def test_folios_larger_than_a_pageblock_are_walked_whole() -> None:
    host = SyntheticFrames(16 * BLOCK)
    host.process(7, 2 * BLOCK)
    host.folio(4 * BLOCK, 2 * BLOCK)
    host.map(7, 0, range(4 * BLOCK, 5 * BLOCK))
    domain = only_domain(map_of(host, request_for(7, chunk_order=10)))
    assert (domain.stranded_bytes, domain.stranded_blocks) == (BLOCK * PAGE, 1)


def test_hidden_frame_numbers_are_a_gap_and_not_an_empty_domain() -> None:
    host = SyntheticFrames(8 * BLOCK)
    host.process(7, 10)[:] = 1 << 63
    for method in ("full", "sampled"):
        page_map = map_of(host, request_for(7, method=method))
        assert page_map.domains == ()
        assert [gap.reason for gap in page_map.gaps] == [Reason.DENIED]


def test_a_process_that_is_gone_is_a_gap_and_the_rest_is_shown() -> None:
    host = guest_with_huge_pages(16 * BLOCK, 2)
    page_map = map_of(host, request_for(7, 9))
    assert [domain.name for domain in page_map.domains] == ["domain-7"]
    assert [gap.reason for gap in page_map.gaps] == [Reason.NOT_FOUND]


def test_where_counts_are_inexact_stranded_memory_is_a_gap() -> None:
    request = msgspec.structs.replace(request_for(7), exact_map_counts=False)
    domain = only_domain(map_of(guest_with_huge_pages(16 * BLOCK, 2), request))
    assert isinstance(domain.stranded_bytes, Missing)


def test_ranges_cover_exactly_the_folios_that_strand() -> None:
    host = guest_with_huge_pages(16 * BLOCK, 8)
    for page in range(BLOCK, 2 * BLOCK, 2):
        host.unmap(7, page)
    ranges = ranges_from(host, request_for(7), 7, silent)
    assert not isinstance(ranges, Missing)
    (found,) = ranges
    assert found.stranded_bytes == BLOCK // 2 * PAGE
    assert (found.start, found.length) == ((BLOCK + 1) * PAGE, (BLOCK - 1) * PAGE)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 511)), max_size=400))
def test_any_pattern_of_dropped_pages_is_counted_to_the_page(dropped: list[tuple[int, int]]) -> None:
    host = guest_with_huge_pages(16 * BLOCK, 8)
    pages = {block * BLOCK + page for block, page in dropped}
    for page in pages:
        host.unmap(7, page)
    lost = [len([p for p in pages if p // BLOCK == block]) for block in range(8)]
    expected = sum(count for count in lost if count < BLOCK) * PAGE
    domain = only_domain(map_of(host, request_for(7)))
    ranges = ranges_from(host, request_for(7), 7, silent)
    assert domain.stranded_bytes == expected
    assert not isinstance(ranges, Missing)
    assert sum(found.stranded_bytes for found in ranges) == expected


def test_a_stated_rate_is_kept() -> None:
    host = guest_with_huge_pages(512 * BLOCK, 2)
    started = time.monotonic()
    map_of(host, msgspec.structs.replace(request_for(7), frames_per_s=1_000_000))
    assert time.monotonic() - started >= 0.9 * 512 * BLOCK / 1_000_000


def test_a_tebibyte_is_mapped_within_200_mebibytes() -> None:
    script = Path(__file__).parents[3] / "benchmarks/page_map/one_tebibyte.py"
    ran = subprocess.run([sys.executable, str(script), "0.05"], capture_output=True, text=True, check=True)
    found = json.loads(ran.stdout)
    assert found["frames"] == 1 << 28
    assert found["peak_rss_bytes"] <= 200 << 20
    assert found["cells"] <= 4096


def scattered_host(seed: int) -> SyntheticFrames:
    """A guest of huge pages, some with holes, some refilled, between slab and page cache."""
    random = np.random.default_rng(seed)
    host = guest_with_huge_pages(2048 * BLOCK, 600, first_block=500)
    for block in np.flatnonzero(random.random(600) < 0.5).tolist():
        for page in np.flatnonzero(random.random(BLOCK) < random.random()).tolist():
            host.unmap(7, block * BLOCK + page)
    host.flag_of[: 300 * BLOCK : 3] = SLAB
    return host


def test_the_error_of_a_sample_is_true_in_repeated_runs() -> None:
    host = scattered_host(3)
    truth = map_of(host, request_for(7))
    stranded = only_domain(truth).stranded_bytes
    assert isinstance(stranded, int)
    hits = {"stranded": 0, "free": 0, "slab": 0}
    runs = 120
    for seed in range(runs):
        sampled = map_of(host, request_for(7, method="sampled", seed=seed))
        domain = only_domain(sampled)
        assert isinstance(domain.stranded_bytes, int)
        hits["stranded"] += abs(domain.stranded_bytes - stranded) <= domain.error_bytes
        errors = {row.page_class: row.error_bytes for row in sampled.totals}
        for page_class in (PageClass.FREE, PageClass.SLAB):
            off = abs(sampled.total(page_class) - truth.total(page_class))
            hits[page_class.value] += off <= errors[page_class]
    assert all(count >= 0.92 * runs for count in hits.values()), hits


def test_a_sample_reads_little_and_one_seed_gives_one_sample() -> None:
    host = scattered_host(4)
    first, second = (map_of(host, request_for(7, method="sampled", seed=5)) for _ in range(2))
    assert first.totals == second.totals
    assert first.frames_read < 0.12 * first.frames
    assert first.seed == 5


def test_a_map_survives_json() -> None:
    page_map = map_of(scattered_host(5), request_for(7))
    assert msgspec.json.decode(msgspec.json.encode(page_map), type=PageMap) == page_map


def test_more_domains_than_a_byte_can_number_are_told_apart() -> None:
    host = SyntheticFrames(16 * BLOCK)
    pids = range(100, 400)
    for pid in pids:
        host.process(pid, 4)
        first = BLOCK + 4 * (pid - 100)
        host.flag_of[first : first + 4] = SMALL_ANON
        host.map(pid, 0, range(first, first + 4))
    page_map = map_of(host, request_for(*pids))
    assert [domain.anonymous_bytes for domain in page_map.domains] == [4 * PAGE] * len(pids)


def test_a_process_without_a_page_is_a_gap_and_not_a_small_domain() -> None:
    host = SyntheticFrames(8 * BLOCK)
    host.process(7, 0)
    host.mappings = lambda _: ()  # type: ignore[method-assign]
    for method in ("full", "sampled"):
        page_map = map_of(host, request_for(7, method=method))
        assert page_map.domains == ()
        assert [gap.reason for gap in page_map.gaps] == [Reason.NOT_FOUND]
