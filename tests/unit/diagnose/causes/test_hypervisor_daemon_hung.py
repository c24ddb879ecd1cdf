"""The rule of hypervisor-daemon-hung."""

from __future__ import annotations

from snapshots import GONE, daemon, domain, outcome, snapshot, texts

from kvmedic.diagnose.causes.hypervisor_daemon_hung import CAUSE, examine
from kvmedic.model.finding import Severity


def test_present_where_libvirt_does_not_answer() -> None:
    found = examine(snapshot(libvirt="hung", daemons=(daemon(state="T"),))).findings[0]

    assert found.severity is Severity.WARNING
    assert found.confidence >= 0.9
    assert "was stopped by a signal" in " ".join(line.text for line in found.because)


def test_absent_where_it_answers_or_there_is_none() -> None:
    assert "libvirt answers" in texts(examine(snapshot()))
    assert "no libvirt daemon" in texts(examine(snapshot(domains=(), libvirt="absent", daemons=())))


def test_boundary_is_a_daemon_that_runs_and_does_not_answer() -> None:
    found = examine(snapshot(libvirt="hung", daemons=(daemon(state="S"),))).findings[0]

    assert 0.6 <= found.confidence < 0.9


def test_a_missing_answer_leaves_the_cause_open_and_the_verdict_to_what_the_domains_show() -> None:
    assert outcome(examine(snapshot(domain(source="process"), libvirt=GONE))) == "undetermined"
    assert not CAUSE.is_essential


def test_domains_seen_through_their_processes_are_told() -> None:
    seen = snapshot(domain(source="process"), libvirt="hung", daemons=GONE)

    assert "1 running domains were seen" in examine(seen).findings[0].summary


def test_libvirts_domains_without_its_daemon_are_only_possible() -> None:
    found = examine(snapshot(domain(source="status-xml"), libvirt="absent", daemons=())).findings[0]

    assert found.severity is Severity.INFO
    assert found.confidence < 0.6


def test_missing_socket_of_a_daemon_that_runs_clears_nobody() -> None:
    judgement = examine(snapshot(libvirt="absent", daemons=(daemon(),)))

    assert outcome(judgement) == "undetermined"
    assert "none of its sockets is here" in texts(judgement)
