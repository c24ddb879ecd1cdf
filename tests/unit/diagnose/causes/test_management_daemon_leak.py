"""The rule of management-daemon-leak."""

from __future__ import annotations

from snapshots import GONE, daemon, outcome, short, snapshot, texts

from kvmedic.diagnose.causes.management_daemon_leak import LARGE_BYTES, examine
from kvmedic.model.finding import Severity
from kvmedic.units import GIB


def test_present_where_libvirtd_is_huge_on_a_short_host() -> None:
    found = examine(snapshot(daemons=(daemon(rss_bytes=28 * GIB),), memory_facts=short())).findings[0]

    assert found.severity is Severity.WARNING
    assert found.subject.kind == "daemon"


def test_absent_where_it_is_as_small_as_it_should_be() -> None:
    assert "libvirtd, holds 45.0 MiB" in texts(examine(snapshot()))


def test_boundary_is_five_gib() -> None:
    assert outcome(examine(snapshot(daemons=(daemon(rss_bytes=LARGE_BYTES),)))) == "absent"
    assert outcome(examine(snapshot(daemons=(daemon(rss_bytes=LARGE_BYTES + 1),)))) == "present"


def test_missing_daemons_leave_it_open() -> None:
    assert outcome(examine(snapshot(daemons=GONE))) == "undetermined"


def test_no_daemon_is_a_clearance() -> None:
    assert outcome(examine(snapshot(daemons=()))) == "absent"
