"""The rule of reclaim-stall."""

from __future__ import annotations

from snapshots import GONE, outcome, pressure, rates, snapshot

from kvmedic.diagnose.causes.reclaim_stall import STALLS_PER_SECOND, examine
from kvmedic.model.finding import Severity


def stalling(per_second: float = 200.0, **facts: object) -> dict[str, object]:
    seen = rates(allocstall_normal=per_second, pgscan_direct=10_000.0, pgsteal_direct=2_000.0)
    return {"rates": seen, **facts}


def test_present_where_requests_reclaim_for_themselves_and_tasks_wait() -> None:
    found = examine(snapshot(memory_facts=stalling(pressure_memory=pressure(40.0, 2.0)))).findings[0]

    assert found.severity is Severity.WARNING
    assert "20% of 10000 pages" in " ".join(line.text for line in found.because)


def test_absent_where_nothing_reclaims_directly() -> None:
    assert outcome(examine(snapshot())) == "absent"


def test_boundary_is_a_number_of_stalls_per_second() -> None:
    assert outcome(examine(snapshot(memory_facts=stalling(STALLS_PER_SECOND)))) == "present"
    assert outcome(examine(snapshot(memory_facts=stalling(STALLS_PER_SECOND - 0.1)))) == "absent"


def test_missing_rates_leave_it_open_whatever_pressure_says() -> None:
    facts = {"rates": GONE, "pressure_memory": pressure(90.0, 80.0)}

    assert outcome(examine(snapshot(memory_facts=facts))) == "undetermined"


def test_pressure_alone_proves_nothing() -> None:
    """Page cache that is read again raises pressure with most of the memory free."""
    refaults = {"rates": rates(workingset_refault_file=50_000.0), "pressure_memory": pressure(45.0, 40.0)}

    assert outcome(examine(snapshot(memory_facts=refaults))) == "absent"


def test_stalls_that_nobody_waits_for_are_information() -> None:
    found = examine(snapshot(memory_facts=stalling())).findings[0]

    assert found.severity is Severity.INFO
    assert found.confidence < 0.6


def test_all_tasks_waiting_make_it_critical() -> None:
    found = examine(snapshot(memory_facts=stalling(pressure_memory=pressure(60.0, 30.0)))).findings[0]

    assert found.severity is Severity.CRITICAL
