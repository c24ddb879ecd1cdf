"""Stranded memory by every method, and why a method gave none."""

from __future__ import annotations

from kvmedic.derive.stranded_readings import derive_stranded
from kvmedic.model.domain import StrandedReading
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.page_map import BlockKinds, DomainPages, PageMap
from kvmedic.units import MIB

ACCOUNTING = StrandedReading(method="lru-accounting", bytes=300 * MIB, blocks=None, error_bytes=20 * MIB)
NO_MAP = Missing(source="page map", reason=Reason.DENIED, detail="not root")
NO_GROUP = Missing(source="group", reason=Reason.UNSUPPORTED, detail="2 QEMU processes are charged to m")


def page_map(stranded: int | Missing, method: str = "full") -> PageMap:
    """A map with one domain, process 7."""
    row = DomainPages(
        name="a",
        pid=7,
        anonymous_bytes=0,
        thp_bytes=0,
        shmem_bytes=0,
        hugetlb_bytes=0,
        shared_bytes=0,
        resident_error_bytes=0,
        stranded_bytes=stranded,
        stranded_blocks=stranded if isinstance(stranded, Missing) else 301,
        error_bytes=5,
    )
    return PageMap(
        method="full" if method == "full" else "sampled",
        page_size_bytes=4096,
        pageblock_order=9,
        frames=1,
        frames_read=1,
        seed=None,
        duration_s=0.0,
        totals=(),
        blocks=BlockKinds(empty=0, movable=0, mixed=0, held=0, unknown=0, error=0),
        domains=(row,),
        zones=(),
        labels=(),
        forecasts=(),
        unexplained_bytes=0,
        gaps=(),
    )


def test_both_methods_are_kept_the_page_map_first() -> None:
    readings, gap = derive_stranded(page_map(301 * MIB), "a", 7, ACCOUNTING)
    assert [(reading.method, reading.bytes, reading.blocks) for reading in readings] == [
        ("page-map", 301 * MIB, 301),
        ("lru-accounting", 300 * MIB, None),
    ]
    assert gap is None


def test_a_sample_is_labelled_as_one() -> None:
    (reading, _), _ = derive_stranded(page_map(1, "sampled"), "a", 7, ACCOUNTING)
    assert (reading.method, reading.error_bytes) == ("sampled-page-map", 5)


def test_a_map_of_another_process_says_nothing() -> None:
    readings, gap = derive_stranded(page_map(1), "a", 8, ACCOUNTING)
    assert readings == (ACCOUNTING,)
    assert gap is not None


def test_a_kernel_that_does_not_count_mappings_leaves_the_gap_of_the_map() -> None:
    readings, gap = derive_stranded(page_map(NO_GROUP), "a", 7, ACCOUNTING)
    assert (readings, gap) == ((ACCOUNTING,), NO_GROUP)


def test_where_no_method_could_be_used_both_reasons_are_told() -> None:
    readings, gap = derive_stranded(NO_MAP, "a", 7, NO_GROUP)
    assert readings == ()
    assert gap is not None
    assert "not root" in gap.detail
    assert "2 QEMU processes" in gap.detail
