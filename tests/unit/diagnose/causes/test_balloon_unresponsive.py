"""The rule of balloon-unresponsive."""

from __future__ import annotations

from snapshots import GONE, domain, guest, outcome, short, snapshot, texts

from kvmedic.diagnose.causes.balloon_unresponsive import examine
from kvmedic.model.finding import Severity
from kvmedic.units import GIB, MIB

NEVER = guest(usable=None, last_update_at=0, age_s=None, is_fresh=False)


def test_present_where_no_driver_ever_answered() -> None:
    found = examine(snapshot(domain(balloon_driver="silent", guest=NEVER), memory_facts=short())).findings[0]

    assert found.severity is Severity.WARNING
    assert found.confidence < 0.9, "a guest that still boots looks the same"


def test_absent_where_the_driver_answers() -> None:
    assert outcome(examine(snapshot())) == "absent"


def test_absent_where_nobody_asks_for_statistics() -> None:
    unasked = domain(guest=guest(period_s=0, is_fresh=False))

    assert outcome(examine(snapshot(unasked))) == "absent"


def test_boundary_of_the_target_is_two_percent_of_the_maximum() -> None:
    off = 8 * GIB * 2 // 100
    at = domain(balloon_actual_bytes=4 * GIB, balloon_target_bytes=4 * GIB - off)
    beyond = domain(balloon_actual_bytes=4 * GIB, balloon_target_bytes=4 * GIB - off - MIB)

    assert outcome(examine(snapshot(at))) == "absent"
    assert "off its target" in texts(examine(snapshot(beyond)))


def test_missing_where_nobody_knows_of_the_driver_or_its_statistics() -> None:
    assert outcome(examine(snapshot(domain(balloon_driver=GONE)))) == "undetermined"
    assert outcome(examine(snapshot(domain(guest=GONE)))) == "undetermined"


def test_last_update_0_means_never_and_not_1970() -> None:
    text = texts(examine(snapshot(domain(balloon_driver="silent", guest=NEVER))))

    assert "never reported" in text
    assert " d old" not in text


def test_stale_statistics_are_told_as_information() -> None:
    stale = domain(guest=guest(age_s=7200.0, is_fresh=False))

    found = examine(snapshot(stale, memory_facts=short())).findings[0]

    assert found.severity is Severity.INFO
    assert "2.0 h old" in found.because[0].text


def test_a_paused_guest_is_not_blamed_for_its_silence() -> None:
    paused = domain(state="paused", guest=guest(age_s=7200.0, is_fresh=False))

    assert outcome(examine(snapshot(paused))) == "absent"


def test_a_silent_driver_without_a_word_on_updates_is_told_all_the_same() -> None:
    assert "nothing answers behind it" in texts(
        examine(snapshot(domain(balloon_driver="silent", guest=GONE)))
    )


def test_a_domain_without_a_balloon_is_cleared() -> None:
    assert outcome(examine(snapshot(domain(balloon_driver="none", guest=GONE)))) == "absent"
