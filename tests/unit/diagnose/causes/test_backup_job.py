"""The rule of backup-job."""

from __future__ import annotations

from snapshots import GONE, domain, outcome, pressure, service, snapshot, texts

from kvmedic.diagnose.causes.backup_job import examine
from kvmedic.model.finding import Severity


def test_present_where_a_job_runs_and_tasks_wait_for_disks() -> None:
    found = examine(snapshot(domain(job="backup"), memory_facts={"pressure_io": pressure(40.0)})).findings[0]

    assert found.severity is Severity.WARNING
    assert found.subject.name == "web-1"


def test_present_where_a_backup_program_runs_but_only_possible() -> None:
    found = examine(snapshot(services=(service("vzdump"),))).findings[0]

    assert found.confidence < 0.6


def test_absent_without_job_and_program() -> None:
    assert "no job runs on 1 domains" in texts(examine(snapshot()))


def test_boundary_is_what_counts_as_a_backup() -> None:
    assert outcome(examine(snapshot(domain(job="migration out")))) == "absent"
    assert outcome(examine(snapshot(domain(job="block copy")))) == "present"


def test_missing_libvirt_leaves_jobs_unknown() -> None:
    assert outcome(examine(snapshot(domain(source="process")))) == "undetermined"
    assert outcome(examine(snapshot(domains=GONE))) == "undetermined"


def test_a_backup_that_nobody_waits_for_is_information() -> None:
    assert examine(snapshot(domain(job="backup"))).findings[0].severity is Severity.INFO
