"""The rule of colocated-service-memory."""

from __future__ import annotations

from snapshots import GONE, TOTAL, arc, domain, ledger, outcome, service, short, snapshot

from kvmedic.diagnose.causes.colocated_service_memory import LARGE_SHARE, examine
from kvmedic.model.finding import Severity
from kvmedic.units import GIB


def test_present_where_a_service_takes_a_large_part_of_a_short_host() -> None:
    found = examine(snapshot(services=(service("ceph-osd", 20 * GIB),), memory_facts=short())).findings[0]

    assert found.severity is Severity.WARNING
    assert found.subject.name == "ceph-osd"


def test_present_where_shared_memory_is_nobodys() -> None:
    assert outcome(examine(snapshot(memory_facts={"ledger": ledger(shmem=20 * GIB)}))) == "present"


def test_absent_where_services_are_small() -> None:
    assert outcome(examine(snapshot())) == "absent"


def test_boundary_is_a_tenth_of_the_host() -> None:
    at = int(TOTAL * LARGE_SHARE)

    assert outcome(examine(snapshot(services=(service(rss_bytes=at),)))) == "present"
    assert outcome(examine(snapshot(services=(service(rss_bytes=at - 1),)))) == "absent"


def test_missing_services_domains_or_meminfo_leave_it_open() -> None:
    assert outcome(examine(snapshot(services=GONE))) == "undetermined"
    assert outcome(examine(snapshot(domains=GONE))) == "undetermined"
    assert outcome(examine(snapshot(memory_facts={"meminfo": GONE}))) == "undetermined"


def test_where_memory_is_plentiful_it_is_information() -> None:
    assert examine(snapshot(services=(service(rss_bytes=20 * GIB),))).findings[0].severity is Severity.INFO


def test_a_machine_without_guests_has_no_colocated_service() -> None:
    assert outcome(examine(snapshot(domains=(), services=(service(rss_bytes=40 * GIB),)))) == "absent"


def test_a_large_cache_of_zfs_is_told_with_its_limits() -> None:
    found = examine(snapshot(domain(), memory_facts={"zfs_arc": arc(30 * GIB)})).findings[0]

    assert found.severity is Severity.INFO
    assert "between 1.0 GiB and 32.0 GiB (zfs_arc_min, zfs_arc_max)" in found.because[0].text
    assert outcome(examine(snapshot(domain(), memory_facts={"zfs_arc": arc(2 * GIB)}))) == "absent"
