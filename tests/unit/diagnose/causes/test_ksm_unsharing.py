"""The rule of ksm-unsharing."""

from __future__ import annotations

from snapshots import GONE, PAGE, meminfo, outcome, rates, snapshot

from kvmedic.diagnose.causes.ksm_unsharing import examine
from kvmedic.model.finding import Severity
from kvmedic.units import GIB


def saving(size: int, run: int = 1, **facts: object) -> dict[str, object]:
    return {
        "ksm": {"run": run, "pages_sharing": size // PAGE},
        "meminfo": meminfo(available=8 * GIB),
        **facts,
    }


def test_present_where_merged_pages_come_apart_and_do_not_fit() -> None:
    facts = saving(20 * GIB, rates=rates(cow_ksm=5000.0))

    found = examine(snapshot(memory_facts=facts)).findings[0]

    assert found.severity is Severity.WARNING
    assert found.confidence >= 0.6


def test_absent_where_nothing_is_merged_or_all_would_fit() -> None:
    assert outcome(examine(snapshot())) == "absent"
    assert outcome(examine(snapshot(memory_facts=saving(4 * GIB)))) == "absent"


def test_boundary_is_what_is_available() -> None:
    assert outcome(examine(snapshot(memory_facts=saving(8 * GIB)))) == "absent"
    assert outcome(examine(snapshot(memory_facts=saving(8 * GIB + PAGE)))) == "present"


def test_missing_ksm_or_meminfo_leave_it_open() -> None:
    assert outcome(examine(snapshot(memory_facts={"ksm": GONE}))) == "undetermined"
    assert outcome(examine(snapshot(memory_facts={"ksm": {}}))) == "undetermined"
    assert outcome(examine(snapshot(memory_facts=saving(9 * GIB) | {"meminfo": GONE}))) == "undetermined"


def test_a_debt_that_nobody_calls_in_is_information() -> None:
    assert examine(snapshot(memory_facts=saving(20 * GIB))).findings[0].severity is Severity.INFO


def test_run_2_takes_everything_apart() -> None:
    assert examine(snapshot(memory_facts=saving(20 * GIB, run=2))).findings[0].severity is Severity.WARNING
