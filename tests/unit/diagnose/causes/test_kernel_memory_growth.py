"""The rule of kernel-memory-growth."""

from __future__ import annotations

from snapshots import GONE, TOTAL, arc, host, ledger, meminfo, outcome, short, snapshot, texts

from kvmedic.diagnose.causes.kernel_memory_growth import LARGE_SHARE, examine
from kvmedic.model.finding import Severity
from kvmedic.model.memory import SlabUse
from kvmedic.units import GIB, MIB

LARGE = int(TOTAL * LARGE_SHARE)


def test_present_where_slab_is_large_and_never_more_than_possible() -> None:
    cache = SlabUse(
        name="kmalloc-2k", active_objects=1, total_objects=1, object_size_bytes=2048, total_bytes=19 * GIB
    )
    facts = {"meminfo": meminfo(SUnreclaim=20 * GIB)}

    found = examine(snapshot(memory_facts=facts, slabs=(cache,))).findings[0]

    assert found.confidence < 0.6
    assert "does not show whether it grows" in found.summary
    assert "kmalloc-2k 19" in " ".join(line.text for line in found.because)


def test_present_where_no_counter_accounts_for_much() -> None:
    facts = short(ledger=ledger(unaccounted=20 * GIB))

    found = examine(snapshot(memory_facts=facts, host=host(is_virtual_machine=True))).findings[0]

    assert found.severity is Severity.WARNING
    assert "its own balloon may hold it" in " ".join(line.text for line in found.because)


def test_absent_where_the_kernel_is_small() -> None:
    judgement = examine(snapshot())

    assert outcome(judgement) == "absent"
    assert "slab that cannot be reclaimed: 300 MiB" in texts(judgement)


def test_boundary_is_a_tenth_of_the_host() -> None:
    assert outcome(examine(snapshot(memory_facts={"meminfo": meminfo(SUnreclaim=LARGE)}))) == "present"
    assert outcome(examine(snapshot(memory_facts={"meminfo": meminfo(SUnreclaim=LARGE - 1)}))) == "absent"


def test_missing_meminfo_or_ledger_leave_it_open() -> None:
    assert outcome(examine(snapshot(memory_facts={"meminfo": GONE}))) == "undetermined"
    assert outcome(examine(snapshot(memory_facts={"ledger": GONE}))) == "undetermined"


def test_on_a_small_machine_a_tenth_is_the_kernels_ordinary_size() -> None:
    tiny = meminfo(available=1 * GIB, total=2 * GIB, SUnreclaim=300 * MIB)
    facts = {"meminfo": tiny, "ledger": ledger(unaccounted=250 * MIB)}

    assert outcome(examine(snapshot(memory_facts=facts))) == "absent"


def test_a_kernel_that_prints_neither_slab_nor_page_tables_is_judged_by_the_rest() -> None:
    whole = meminfo()
    bare = type(whole)(
        source=whole.source,
        bytes_of={name: whole[name] for name in ("MemTotal", "MemFree", "MemAvailable")},
        counts={},
    )

    assert texts(examine(snapshot(memory_facts={"meminfo": bare}))).startswith("memory that no counter")


def test_missing_memavailable_leaves_it_open() -> None:
    whole = meminfo()
    older = type(whole)(source=whole.source, bytes_of={"MemTotal": TOTAL}, counts={})

    assert outcome(examine(snapshot(memory_facts={"meminfo": older}))) == "undetermined"


def test_the_cache_of_zfs_is_not_memory_that_no_counter_accounts_for() -> None:
    facts = {"ledger": ledger(unaccounted=30 * GIB), "zfs_arc": arc(29 * GIB)}

    assert outcome(examine(snapshot(memory_facts=facts))) == "absent"
