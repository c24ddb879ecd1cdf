"""The ledger adds up whatever is known, and says what happens if every balloon deflates."""

from __future__ import annotations

import msgspec
import pytest
from host_samples import UNKNOWN, domain, evidence, files_of, process
from hypothesis import given
from hypothesis import strategies as st

from kvmedic.derive.host_memory import derive_memory, with_ledger
from kvmedic.derive.ledger import derive_ledger, growth_bytes
from kvmedic.model.domain import DomainFacts
from kvmedic.model.gap import Missing
from kvmedic.model.memory import Meminfo
from kvmedic.model.zone_facts import ArcFacts, Ledger, MemoryFacts
from kvmedic.units import GIB, MIB

PARTS = (
    *("free", "guests_rss", "anonymous_other", "stranded", "page_cache", "shmem", "slab", "hugetlb"),
    *("kernel", "unaccounted"),
)
NOTHING_KNOWN, _ = derive_memory(evidence({}))
MIB_OF = {
    "MemTotal": 16384,
    "MemFree": 2048,
    "MemAvailable": 3072,
    "AnonPages": 10240,
    "Cached": 1500,
    "Buffers": 36,
    "Shmem": 512,
    "Slab": 400,
    "PageTables": 40,
    "KernelStack": 20,
    "VmallocUsed": 60,
    "Percpu": 4,
    "Hugetlb": 1024,
}


def memory(mib_of: dict[str, int] = MIB_OF, **facts: object) -> MemoryFacts:
    """Memory facts of which meminfo and ``facts`` are known."""
    meminfo = Meminfo(source="proc/meminfo", bytes_of={k: v * MIB for k, v in mib_of.items()}, counts={})
    return msgspec.structs.replace(NOTHING_KNOWN, meminfo=meminfo, **facts)


def guest(maximum: int, rss: int, **known: object) -> DomainFacts:
    """A running domain, in MiB."""
    sizes = {"memory_max_bytes": maximum * MIB, "balloon_actual_bytes": maximum * MIB, "rss_bytes": rss * MIB}
    return domain(**{**sizes, "backing": "anonymous", **known})


def ledger_of(facts: MemoryFacts, *domains: DomainFacts) -> Ledger:
    """The ledger, which has to be there."""
    ledger = derive_ledger(facts, domains)
    assert not isinstance(ledger, Missing)
    return ledger


def sum_of_parts(ledger: Ledger) -> int:
    """All parts and the unaccounted rest; a part that is a gap lies in another one."""
    parts = (getattr(ledger, name) for name in PARTS)
    return sum(part for part in parts if not isinstance(part, Missing))


def test_the_parts_and_the_unaccounted_rest_add_up_to_the_total() -> None:
    ledger = ledger_of(memory(stranded_bytes=700 * MIB), guest(4096, 3000), guest(8192, 6000))

    assert sum_of_parts(ledger) == ledger.total == 16 * GIB
    assert ledger.guests_rss == 9000 * MIB
    assert ledger.anonymous_other == (10240 - 9000) * MIB
    assert ledger.page_cache == (1500 + 36 - 512) * MIB
    assert ledger.kernel == (40 + 4 + 60) * MIB


def test_file_pages_of_a_process_are_page_cache_and_not_the_guest_s() -> None:
    resident = process(rss_anon_bytes=2900 * MIB, rss_shmem_bytes=0)

    assert ledger_of(memory(), guest(4096, 3000, process=resident)).guests_rss == 2900 * MIB


def test_a_guest_on_memfd_is_taken_out_of_shmem() -> None:
    resident = process(rss_anon_bytes=100 * MIB, rss_shmem_bytes=400 * MIB)
    ledger = ledger_of(memory(), guest(4096, 520, backing="memfd", process=resident))

    assert ledger.guests_rss == 500 * MIB
    assert ledger.shmem == 112 * MIB
    assert sum_of_parts(ledger) == ledger.total


def test_a_memfd_guest_whose_process_is_unknown_is_shared_memory_as_a_whole() -> None:
    assert ledger_of(memory(), guest(4096, 500, backing="memfd")).shmem == 12 * MIB


def test_unknown_domains_leave_their_memory_in_anonymous_other() -> None:
    ledger = derive_ledger(memory(), UNKNOWN)

    assert not isinstance(ledger, Missing)
    assert ledger.guests_rss is UNKNOWN
    assert ledger.guests_maximum is UNKNOWN
    assert ledger.anonymous_other == 10 * GIB
    assert ledger.if_all_deflate_short is UNKNOWN
    assert sum_of_parts(ledger) == ledger.total


def test_domains_that_are_shut_off_count_for_nothing() -> None:
    ledger = ledger_of(memory(), guest(4096, 1000), guest(64000, 0, is_running=False))

    assert ledger.guests_maximum == 4 * GIB


def test_memory_shared_by_ksm_makes_the_rest_negative_and_the_sum_still_holds() -> None:
    ledger = ledger_of(memory(), guest(16384, 14000))

    assert ledger.unaccounted < 0
    assert ledger.anonymous_other == 0
    assert sum_of_parts(ledger) == ledger.total


def test_deflating_into_what_is_available_fits() -> None:
    assert ledger_of(memory(), guest(4096, 2048)).if_all_deflate_short == (2048 - 3072) * MIB


def test_deflating_beyond_what_is_available_is_short_by_the_difference() -> None:
    assert ledger_of(memory(), guest(8192, 2048)).if_all_deflate_short == (6144 - 3072) * MIB


def test_the_cache_of_zfs_gives_way_to_guests_down_to_its_least() -> None:
    cache = ArcFacts(size_bytes=640 * MIB, least_bytes=128 * MIB, most_bytes=900 * MIB)
    without = ledger_of(memory(), guest(8192, 2048)).if_all_deflate_short
    assert isinstance(without, int)
    assert ledger_of(memory(zfs_arc=cache), guest(8192, 2048)).if_all_deflate_short == without - 512 * MIB


def test_stranded_memory_comes_back_first() -> None:
    assert ledger_of(memory(stranded_bytes=512 * MIB), guest(8192, 2048)).if_all_deflate_short == 2560 * MIB


def test_free_swap_is_not_counted_as_memory() -> None:
    with_swap = memory({**MIB_OF, "SwapTotal": 8192, "SwapFree": 8192})

    assert ledger_of(with_swap, guest(8192, 2048)).if_all_deflate_short == 3072 * MIB


def test_writing_undoes_what_ksm_shares() -> None:
    shared = memory(ksm={"run": 1, "pages_sharing": 256})

    assert ledger_of(shared, guest(4096, 1024)).if_all_deflate_short == MIB


def test_a_guest_above_its_maximum_owes_nothing_to_another() -> None:
    assert growth_bytes(guest(1024, 1300)) == 0


def test_a_guest_on_hugetlb_grows_in_its_pool() -> None:
    assert growth_bytes(guest(65536, 100, backing="hugetlb")) == 0
    unknown_backing = guest(2048, 100, backing=UNKNOWN, process=process(hugetlb_bytes=1948 * MIB))
    assert growth_bytes(unknown_backing) == 0


@pytest.mark.parametrize("unknown", ["memory_max_bytes", "rss_bytes"])
def test_one_domain_of_unknown_size_makes_the_answer_a_gap(unknown: str) -> None:
    ledger = ledger_of(memory(), guest(4096, 1024), guest(4096, 1024, **{unknown: UNKNOWN}))

    assert ledger.if_all_deflate_short is UNKNOWN
    assert sum_of_parts(ledger) == ledger.total


@pytest.mark.parametrize("row", ["MemFree", "AnonPages", "Cached", "Buffers", "Shmem", "Slab"])
def test_a_meminfo_that_lacks_a_part_is_a_gap(row: str) -> None:
    ledger = derive_ledger(memory({key: size for key, size in MIB_OF.items() if key != row}), ())

    assert isinstance(ledger, Missing)
    assert ledger.detail == f"proc/meminfo lacks {row}"


def test_without_memavailable_only_the_deflation_is_unknown() -> None:
    ledger = ledger_of(memory({key: size for key, size in MIB_OF.items() if key != "MemAvailable"}))

    assert isinstance(ledger.if_all_deflate_short, Missing)
    assert ledger.total == 16 * GIB


def test_without_meminfo_there_is_no_ledger() -> None:
    assert derive_ledger(NOTHING_KNOWN, ()) is NOTHING_KNOWN.meminfo


@pytest.mark.parametrize(
    "kernel", ["4.18-el8-by-format", "5.10-arm64-cma-by-format", "6.1-two-nodes", "6.18-one-node"]
)
def test_the_ledger_of_every_sample_adds_up(kernel: str) -> None:
    facts, _ = derive_memory(evidence(files_of(kernel)))
    ledger = with_ledger(facts, ()).ledger

    assert not isinstance(ledger, Missing)
    assert sum_of_parts(ledger) == ledger.total


def test_old_kernels_without_a_hugetlb_row_count_the_default_pool() -> None:
    rows = {key: size for key, size in MIB_OF.items() if key != "Hugetlb"} | {"Hugepagesize": 2}
    facts = memory(rows)
    assert not isinstance(facts.meminfo, Missing)
    counted = msgspec.structs.replace(facts.meminfo, counts={"HugePages_Total": 512})

    assert ledger_of(msgspec.structs.replace(facts, meminfo=counted)).hugetlb == GIB


@given(
    st.fixed_dictionaries({key: st.integers(0, 2**22) for key in MIB_OF}),
    st.lists(
        st.tuples(st.integers(0, 2**22), st.integers(0, 2**22), st.sampled_from(["anonymous", "memfd"]))
    ),
)
def test_every_ledger_adds_up(mib_of: dict[str, int], guests: list[tuple[int, int, str]]) -> None:
    domains = [guest(maximum, rss, backing=backing) for maximum, rss, backing in guests]
    ledger = ledger_of(memory(mib_of, stranded_bytes=mib_of["Slab"]), *domains)

    assert sum_of_parts(ledger) == ledger.total
    assert all(getattr(ledger, name) >= 0 for name in PARTS if name != "unaccounted")
