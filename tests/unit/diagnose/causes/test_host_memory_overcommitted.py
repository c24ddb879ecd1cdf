"""The rule of host-memory-overcommitted."""

from __future__ import annotations

from snapshots import GONE, ledger, outcome, short, snapshot, texts

from kvmedic.diagnose.causes.host_memory_overcommitted import examine
from kvmedic.model.finding import Severity
from kvmedic.units import GIB


def lacking_by(size: int) -> dict[str, object]:
    return {"ledger": ledger(if_all_deflate_short=size)}


def test_present_where_the_guests_may_use_more_than_there_is() -> None:
    found = examine(snapshot(memory_facts=lacking_by(30 * GIB))).findings[0]

    assert found.severity is Severity.WARNING
    assert "would lack 30.0 GiB" in found.summary.replace("30 GiB", "30.0 GiB")


def test_absent_where_every_balloon_could_deflate() -> None:
    judgement = examine(snapshot())

    assert outcome(judgement) == "absent"
    assert "every balloon could deflate: 20.0 GiB to spare" in texts(judgement)


def test_boundary_is_an_exact_fit() -> None:
    assert outcome(examine(snapshot(memory_facts=lacking_by(0)))) == "absent"
    assert outcome(examine(snapshot(memory_facts=lacking_by(1)))) == "present"


def test_missing_where_a_maximum_or_the_ledger_is_not_known() -> None:
    assert outcome(examine(snapshot(memory_facts={"ledger": GONE}))) == "undetermined"
    assert (
        outcome(examine(snapshot(memory_facts={"ledger": ledger(if_all_deflate_short=GONE)})))
        == "undetermined"
    )
    assert outcome(examine(snapshot(domains=GONE))) == "undetermined"


def test_no_domain_is_a_clearance_even_without_a_ledger() -> None:
    assert outcome(examine(snapshot(domains=(), memory_facts={"ledger": GONE}))) == "absent"


def test_swap_that_covers_it_makes_it_information() -> None:
    assert examine(snapshot(memory_facts=lacking_by(6 * GIB))).findings[0].severity is Severity.INFO


def test_a_host_that_is_short_already_makes_it_critical() -> None:
    found = examine(snapshot(memory_facts=short(**lacking_by(30 * GIB)))).findings[0]

    assert found.severity is Severity.CRITICAL
