"""The rule of dirty-writeback-stall."""

from __future__ import annotations

from snapshots import GONE, outcome, pressure, snapshot

from kvmedic.diagnose.causes.dirty_writeback_stall import examine
from kvmedic.model.finding import Severity


def dirty(pages: int, **facts: object) -> dict[str, object]:
    vmstat = {
        "nr_dirty": pages - 1000,
        "nr_writeback": 1000,
        "nr_dirty_threshold": 1_000_000,
        "nr_dirty_background_threshold": 500_000,
    }
    return {"vmstat": vmstat, **facts}


def test_present_where_writers_are_throttled_and_tasks_wait() -> None:
    found = examine(snapshot(memory_facts=dirty(900_000, pressure_io=pressure(60.0)))).findings[0]

    assert found.severity is Severity.WARNING
    assert found.confidence >= 0.6


def test_absent_where_little_waits() -> None:
    assert outcome(examine(snapshot())) == "absent"


def test_boundary_is_the_middle_between_both_thresholds() -> None:
    assert outcome(examine(snapshot(memory_facts=dirty(750_000)))) == "present"
    assert outcome(examine(snapshot(memory_facts=dirty(749_999)))) == "absent"


def test_missing_counters_leave_it_open() -> None:
    assert outcome(examine(snapshot(memory_facts={"vmstat": GONE}))) == "undetermined"
    assert outcome(examine(snapshot(memory_facts={"vmstat": {"nr_dirty": 5}}))) == "undetermined"


def test_io_pressure_alone_proves_nothing() -> None:
    assert outcome(examine(snapshot(memory_facts={"pressure_io": pressure(90.0)}))) == "absent"


def test_without_waiting_tasks_it_is_information() -> None:
    assert (
        examine(snapshot(memory_facts=dirty(900_000, pressure_io=GONE))).findings[0].severity is Severity.INFO
    )
