"""The rule of thp-compaction-stall."""

from __future__ import annotations

from snapshots import GONE, outcome, pressure, rates, snapshot, texts, thp

from kvmedic.diagnose.causes.thp_compaction_stall import STALLS_PER_SECOND, examine
from kvmedic.model.finding import Severity
from kvmedic.model.zone_facts import Rates


def compacting(stalls: float = 50.0, faults: float = 20.0, **facts: object) -> dict[str, object]:
    seen = rates(compact_stall=stalls, compact_fail=stalls * 0.91, thp_fault_fallback=faults)
    return {"rates": seen, **facts}


def test_present_where_faults_compact_and_tasks_wait() -> None:
    found = examine(snapshot(memory_facts=compacting(pressure_memory=pressure(30.0)))).findings[0]

    assert found.severity is Severity.WARNING
    assert "91% of 50.0 direct compactions a second fail" in " ".join(line.text for line in found.because)


def test_absent_where_nothing_compacts_directly_or_huge_pages_are_off() -> None:
    assert outcome(examine(snapshot())) == "absent"
    assert outcome(examine(snapshot(memory_facts=compacting(thp=thp(enabled="never"))))) == "absent"


def test_boundary_is_a_number_of_compactions_per_second() -> None:
    assert outcome(examine(snapshot(memory_facts=compacting(STALLS_PER_SECOND)))) == "present"
    assert outcome(examine(snapshot(memory_facts=compacting(STALLS_PER_SECOND - 0.1)))) == "absent"


def test_missing_rates_leave_it_open() -> None:
    assert outcome(examine(snapshot(memory_facts={"rates": GONE}))) == "undetermined"


def test_compactions_of_somebody_else_are_not_blamed_on_huge_pages() -> None:
    assert "no huge page faults" in texts(examine(snapshot(memory_facts=compacting(faults=0.0))))


def test_pressure_alone_and_boot_totals_prove_nothing() -> None:
    """The healthy snapshot's vmstat holds nine million compactions since boot."""
    assert outcome(examine(snapshot(memory_facts={"pressure_memory": pressure(80.0, 80.0)}))) == "absent"


def test_stalls_that_nobody_waits_for_are_information() -> None:
    assert examine(snapshot(memory_facts=compacting())).findings[0].severity is Severity.INFO


def test_missing_counters_of_faults_or_failures() -> None:
    no_faults = Rates(interval_s=1.0, per_second={"compact_stall": 50.0})
    no_fails = Rates(interval_s=1.0, per_second={"compact_stall": 50.0, "thp_fault_alloc": 9.0})

    assert outcome(examine(snapshot(memory_facts={"rates": no_faults}))) == "undetermined"
    assert (
        len(examine(snapshot(memory_facts={"rates": no_fails, "pressure_memory": GONE})).findings[0].because)
        == 1
    )
