"""All facts of the host's memory from whole samples; no text makes it raise, every gap is named."""

from __future__ import annotations

import pytest
from host_samples import UNKNOWN, evidence, files_of
from hypothesis import given, settings
from hypothesis import strategies as st

from kvmedic.derive.host_memory import derive_memory, derive_pagetypeinfo, derive_slabs, with_ledger
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.zone_facts import MemoryFacts
from kvmedic.units import MIB

HERE = "6.18-one-node"
DEBIAN = "6.1-two-nodes"


def memory_of(kernel: str) -> MemoryFacts:
    """The facts of a sample."""
    return derive_memory(evidence(files_of(kernel)))[0]


def test_nodes_have_their_memory_their_pools_and_their_cpus() -> None:
    nodes = memory_of(DEBIAN).nodes

    assert not isinstance(nodes, Missing)
    assert [(node.node, node.cpus) for node in nodes] == [(0, "0-1"), (1, "2-3")]
    assert [
        (pool.node, pool.page_size_bytes, pool.total_pages, pool.free_pages) for pool in nodes[1].hugepages
    ] == [
        (1, 2 * MIB, 3, 3),
        (1, 1024 * MIB, 0, 0),
    ]


def test_the_host_s_pools_are_read_with_what_is_reserved() -> None:
    pools = memory_of(DEBIAN).hugepages

    assert not isinstance(pools, Missing)
    assert [
        (pool.page_size_bytes, pool.total_pages, pool.reserved_pages, pool.overcommit_pages) for pool in pools
    ] == [
        (2 * MIB, 6, 0, 0),
        (1024 * MIB, 0, 0, 0),
    ]


def test_without_sysfs_the_pool_of_the_default_size_comes_from_meminfo() -> None:
    pools = memory_of("4.18-el8-by-format").hugepages

    assert not isinstance(pools, Missing)
    assert [(pool.total_pages, pool.free_pages, pool.reserved_pages) for pool in pools] == [(1024, 512, 12)]


def test_a_pool_of_which_a_number_cannot_be_read_is_left_out_and_no_zero() -> None:
    pool = "sys/kernel/mm/hugepages/hugepages-2048kB"
    pools = derive_memory(evidence({f"{pool}/nr_hugepages": b"4\n"}))[0].hugepages

    assert isinstance(pools, Missing)


def test_a_kernel_without_hugetlb_has_no_pools() -> None:
    pools = derive_memory(evidence({"proc/meminfo": b"MemTotal: 8 kB\n"}))[0].hugepages

    assert isinstance(pools, Missing)
    assert pools.reason is Reason.NOT_FOUND


def test_a_host_with_too_few_pages_to_compare_has_its_page_size_assumed() -> None:
    files = {"proc/meminfo": b"MemTotal: 8 kB\nMapped: 4 kB\n", "proc/vmstat": b"nr_mapped 1\n"}

    assert "page size" in {gap.source for gap in derive_memory(evidence(files))[1]}


def test_huge_page_settings_and_statistics_are_kept_by_path_and_size() -> None:
    thp = memory_of(HERE).thp

    assert not isinstance(thp, Missing)
    assert thp.settings["enabled"] == "madvise"
    assert thp.settings["khugepaged/max_ptes_none"] == "511"
    assert thp.settings["shrink_underused"] == "1"
    assert thp.settings["hugepages-64kB/enabled"] == "never"
    assert thp.pmd_size_bytes == 2 * MIB
    assert "nr_anon_partially_mapped" in thp.stats[2 * MIB]
    assert list(thp.stats[64 * 1024]) == ["nr_anon_partially_mapped"]


def test_ksm_keeps_numbers_and_leaves_out_words() -> None:
    ksm = memory_of(HERE).ksm

    assert not isinstance(ksm, Missing)
    assert "pages_sharing" in ksm
    assert "advisor_mode" not in ksm


def test_the_vcpu_cache_and_what_it_demands() -> None:
    memory = memory_of(HERE)

    assert not isinstance(memory.kvm_vcpu_slab, Missing)
    assert memory.kvm_vcpu_slab.object_size_bytes == 51472
    assert [demand.order for demand in memory.demanded_orders] == [4, 9]


@pytest.mark.parametrize(
    ("kernel", "page_size"), [(HERE, 4096), ("4.18-el8-by-format", 4096), ("5.10-arm64-cma-by-format", 65536)]
)
def test_the_page_size_follows_from_meminfo_and_vmstat(kernel: str, page_size: int) -> None:
    assert memory_of(kernel).page_size_bytes == page_size


def test_a_page_size_that_was_stated_needs_no_inference() -> None:
    memory, gaps = derive_memory(evidence({"kvmedic/page_size": b"16384\n"}))

    assert memory.page_size_bytes == 16384
    assert "page size" not in {gap.source for gap in gaps}


def test_a_page_size_that_no_file_tells_is_assumed_and_said_to_be() -> None:
    memory, gaps = derive_memory(evidence({}))

    assert memory.page_size_bytes == 4096
    assert str(gaps[0]) == "page size: not told by any file; 4 KiB assumed"


def test_a_file_that_is_not_understood_is_a_gap_in_its_place_and_hides_no_other() -> None:
    files = files_of(HERE) | {"proc/buddyinfo": b"Node 0, zone DMA one\n"}
    memory, gaps = derive_memory(evidence(files))

    assert isinstance(memory.zones, Missing)
    assert memory.zones.reason is Reason.NOT_UNDERSTOOD
    assert "proc/buddyinfo:1: expected free blocks by order" in memory.zones.detail
    assert memory.zones in gaps
    assert not isinstance(memory.meminfo, Missing)


def test_evidence_of_nothing_gives_gaps_everywhere_and_no_zero() -> None:
    memory, gaps = derive_memory(evidence({}))
    known = {name for name in memory.__struct_fields__ if not isinstance(getattr(memory, name), Missing)}

    assert known == {"page_size_bytes", "demanded_orders", "zfs_arc"}
    assert memory.zfs_arc is None
    assert {gap.reason for gap in gaps} == {Reason.NOT_COLLECTED, Reason.NOT_FOUND, Reason.UNSUPPORTED}
    assert len(gaps) == len(set(gaps))


def test_a_gap_keeps_the_reason_it_was_read_with() -> None:
    denied = Missing(source="proc/vmstat", reason=Reason.DENIED, detail="permission denied")

    assert derive_memory(evidence({"proc/vmstat": denied}))[0].vmstat is denied


def test_the_ledger_waits_for_the_domains_and_is_no_gap_meanwhile() -> None:
    memory, gaps = derive_memory(evidence(files_of(HERE)))

    assert isinstance(memory.ledger, Missing)
    assert memory.ledger not in gaps
    assert not isinstance(with_ledger(memory, UNKNOWN).ledger, Missing)


def test_stranded_memory_needs_the_number_of_cpus() -> None:
    files = {path: text for path, text in files_of(DEBIAN).items() if path != "sys/devices/system/cpu/online"}

    assert memory_of(DEBIAN).stranded_bytes == 0
    assert isinstance(derive_memory(evidence(files))[0].stranded_bytes, Missing)


def test_a_new_kernel_whose_configuration_is_unknown_has_no_stranded_reading() -> None:
    stranded = memory_of(HERE).stranded_bytes

    assert isinstance(stranded, Missing)
    assert stranded.reason is Reason.UNSUPPORTED


def test_the_costly_files_are_read_apart() -> None:
    here = evidence(files_of(HERE))

    assert not isinstance(derive_pagetypeinfo(here), Missing)
    slabs = derive_slabs(here, 4096)
    assert not isinstance(slabs, Missing)
    assert {"kvm_vcpu", "dentry"} <= {slab.name for slab in slabs}
    assert isinstance(derive_slabs(evidence({}), 4096), Missing)


PATHS = sorted(files_of(HERE))


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from(PATHS), st.binary(max_size=200), max_size=12))
def test_no_bytes_make_it_raise(damaged: dict[str, bytes]) -> None:
    files = evidence(files_of(HERE) | damaged, damaged, 1.0)

    memory, _ = derive_memory(files)
    with_ledger(memory, ())
    derive_pagetypeinfo(files)
    derive_slabs(files, memory.page_size_bytes)
