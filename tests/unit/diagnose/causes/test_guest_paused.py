"""The rule of guest-paused."""

from __future__ import annotations

import pytest
from snapshots import GONE, domain, outcome, process, snapshot, texts

from kvmedic.diagnose.causes.guest_paused import examine
from kvmedic.model.domain import DomainFacts
from kvmedic.model.finding import Severity


def paused(reason: str) -> DomainFacts:
    return domain(state="paused", state_reason=reason)


@pytest.mark.parametrize(
    "reason", ["ioerror", "I/O error", "watchdog", "panicked", "post-copy failed", "api error"]
)
def test_present_and_critical_where_no_person_chose_it(reason: str) -> None:
    found = examine(snapshot(paused(reason))).findings[0]

    assert found.severity is Severity.CRITICAL
    assert found.confidence >= 0.9


def test_present_where_a_signal_stopped_the_process_that_libvirt_calls_running() -> None:
    found = examine(snapshot(domain(process=process(state="T")))).findings[0]

    assert found.severity is Severity.CRITICAL
    assert "a signal or a debugger stopped it" in found.because[0].text


def test_absent_where_all_run() -> None:
    assert "none of 2 active domains is paused" in texts(examine(snapshot(domain(), domain("web-2"))))


def test_boundary_between_a_person_and_a_fault_is_the_reason() -> None:
    assert examine(snapshot(paused("user"))).findings[0].severity is Severity.INFO
    assert examine(snapshot(domain(state="paused", state_reason=GONE))).findings[0].severity is Severity.INFO


def test_missing_domains_or_a_process_that_nobody_else_vouches_for() -> None:
    assert outcome(examine(snapshot(domains=GONE))) == "undetermined"
    assert outcome(examine(snapshot(domain(source="status-xml", process=GONE)))) == "undetermined"


def test_a_domain_that_is_shut_off_is_not_paused() -> None:
    assert outcome(examine(snapshot(domain(state="shut off", is_running=False)))) == "absent"


def test_a_pause_for_a_migration_ends_by_itself() -> None:
    assert "ends by itself" in examine(snapshot(paused("migration"))).findings[0].summary
