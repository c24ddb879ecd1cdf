"""The rule of swap-thrashing."""

from __future__ import annotations

from snapshots import GONE, meminfo, outcome, pressure, rates, snapshot, texts

from kvmedic.diagnose.causes.swap_thrashing import PAGES_PER_SECOND, examine
from kvmedic.model.finding import Severity
from kvmedic.model.memory import Swap
from kvmedic.model.zone_facts import Rates
from kvmedic.units import GIB, MIB


def moving(pages: float = 5000.0, **more: float) -> dict[str, object]:
    return {"rates": rates(pswpin=pages, pswpout=pages, **more)}


def test_present_where_pages_go_and_come_and_tasks_wait() -> None:
    facts = moving(workingset_refault_anon=4000.0) | {"pressure_memory": pressure(50.0, 25.0)}

    found = examine(snapshot(memory_facts=facts)).findings[0]

    assert found.severity is Severity.CRITICAL
    assert found.confidence >= 0.9


def test_absent_without_swap() -> None:
    assert "there is no swap" in texts(examine(snapshot(memory_facts={"swaps": (), "rates": GONE})))


def test_boundary_is_a_number_of_pages_in_both_directions() -> None:
    waits: dict[str, object] = {"pressure_memory": pressure(20.0)}
    one_way: dict[str, object] = {"rates": rates(pswpin=5000.0, pswpout=0.0)}

    assert outcome(examine(snapshot(memory_facts=moving(PAGES_PER_SECOND) | waits))) == "present"
    assert outcome(examine(snapshot(memory_facts=moving(PAGES_PER_SECOND - 1) | waits))) == "absent"
    assert outcome(examine(snapshot(memory_facts=one_way | waits))) == "absent"


def test_missing_rates_leave_it_open() -> None:
    assert outcome(examine(snapshot(memory_facts={"rates": GONE}))) == "undetermined"


def test_used_swap_is_not_thrashing() -> None:
    full = Swap(name="/dev/sda2", size_bytes=976 * MIB, used_bytes=963 * MIB, priority=-2)
    facts = {"swaps": (full,), "meminfo": meminfo(available=60 * GIB)}

    judgement = examine(snapshot(memory_facts=facts))

    assert outcome(judgement) == "absent"
    assert "963 MiB used, 0 pages a second in, 0 out" in texts(judgement)


def test_what_zswap_moves_is_seen_though_no_page_reaches_the_disk() -> None:
    busy = {"rates": rates(zswpin=40_000.0, zswpout=40_000.0), "pressure_memory": pressure(30.0)}
    idle = {"rates": rates(zswpin=500.0, zswpout=500.0), "pressure_memory": pressure(30.0)}

    assert "(zswap)" in examine(snapshot(memory_facts=busy)).findings[0].summary
    assert "500 and 500 through zswap" in texts(examine(snapshot(memory_facts=idle)))


def test_swap_in_compressed_memory_is_no_disk_to_wait_for() -> None:
    zram = Swap(name="/dev/zram0", size_bytes=8 * GIB, used_bytes=1 * GIB, priority=100)
    disk = Swap(name="/dev/sda2", size_bytes=8 * GIB, used_bytes=1 * GIB, priority=-2)
    waits = {"pressure_memory": pressure(20.0)} | moving(5000.0)

    assert outcome(examine(snapshot(memory_facts={"swaps": (zram,)} | waits))) == "absent"
    assert outcome(examine(snapshot(memory_facts={"swaps": (zram, disk)} | waits))) == "present"


def test_boot_totals_are_not_rates() -> None:
    """The healthy snapshot's vmstat holds seven million swapped pages since boot."""
    assert outcome(examine(snapshot())) == "absent"


def test_traffic_that_nobody_waits_for_is_information() -> None:
    found = examine(snapshot(memory_facts=moving())).findings[0]

    assert found.severity is Severity.INFO
    assert found.confidence < 0.6


def test_missing_one_direction_leaves_it_open() -> None:
    one_only = Rates(interval_s=1.0, per_second={"pswpin": 900.0})

    assert outcome(examine(snapshot(memory_facts={"rates": one_only}))) == "undetermined"
