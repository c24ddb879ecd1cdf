"""The rule of limit-exhausted."""

from __future__ import annotations

from snapshots import GONE, daemon, domain, host, outcome, process, snapshot, texts

from kvmedic.diagnose.causes.limit_exhausted import FULL_SHARE, NEAR_SHARE, examine
from kvmedic.model.finding import Severity
from kvmedic.units import GIB


def test_present_where_a_qemu_has_next_to_no_files_left() -> None:
    found = examine(snapshot(domain(process=process(open_files=1020)))).findings[0]

    assert found.severity is Severity.CRITICAL
    assert "open files 1,020 of 1,024" in found.summary


def test_present_where_asynchronous_io_runs_out() -> None:
    busy = host(sysctls={"fs.aio-nr": "64000", "fs.aio-max-nr": "65536"})

    assert "asynchronous I/O contexts 64,000 of 65,536" in texts(examine(snapshot(host=busy)))


def test_present_where_locked_memory_or_a_daemon_is_at_its_limit() -> None:
    locked = process(locked_bytes=8 * GIB, locked_limit_bytes=9 * GIB)
    full = daemon(open_files=8190)

    assert "locked memory 8.0 GiB of 9.0 GiB" in texts(examine(snapshot(domain(process=locked))))
    assert examine(snapshot(daemons=(full,))).findings[0].subject.name == "libvirtd"


def test_absent_where_every_limit_is_far() -> None:
    judgement = examine(snapshot())

    assert outcome(judgement) == "absent"
    assert "3 limits read; the nearest: open files 60 of 1,024" in texts(judgement)


def test_boundary_is_a_share_of_the_limit() -> None:
    def at(share: float, less: int = 0) -> str:
        judged = examine(
            snapshot(domain(process=process(open_files=int(1000 * share) - less, open_files_limit=1000)))
        )
        return judged.findings[0].severity.word if judged.findings else outcome(judged)

    assert (at(NEAR_SHARE), at(NEAR_SHARE, 1)) == ("warning", "absent")
    assert (at(FULL_SHARE), at(FULL_SHARE, 1)) == ("critical", "warning")


def test_missing_counts_are_named_and_clear_nobody() -> None:
    assert outcome(examine(snapshot(domain(process=GONE)))) == "undetermined"
    assert outcome(examine(snapshot(domain(process=process(open_files=GONE))))) == "undetermined"
    assert outcome(examine(snapshot(domains=GONE))) == "undetermined"


def test_no_limit_is_no_danger() -> None:
    unlimited = domain(process=process(open_files=100_000, open_files_limit=None))

    assert outcome(examine(snapshot(unlimited))) == "absent"


def test_all_open_files_of_the_host_count() -> None:
    full = host(sysctls={"fs.file-nr": "990000 0 1000000"})

    assert "open files of the host 990,000 of 1,000,000" in texts(examine(snapshot(host=full)))


def test_missing_everything_is_no_clearance() -> None:
    bare = snapshot(domains=(), daemons=(), host=host(sysctls={}))

    assert outcome(examine(bare)) == "undetermined"
    assert outcome(examine(snapshot(domains=(), daemons=GONE))) == "undetermined"
