"""What the host shows today: the answer where no log speaks, behind the logs where they have answered."""

from __future__ import annotations

from datetime import UTC, datetime

from field_samples import FIRST, SECOND, SMALL
from kernel_texts import Process, host_zones, oom, syslog
from msgspec import structs
from snapshots import cgroup, daemon, domain, ledger, level, memory, pressure, snapshot
from telling import ALL, judged_of, report_of

from kvmedic.model.case import Window
from kvmedic.model.report import Report
from kvmedic.model.snapshot import Snapshot
from kvmedic.units import GIB

DAY_S = 86400.0
AT_S = datetime(2026, 11, 24, 3, 0, 12, tzinfo=UTC).timestamp()
KILL = syslog(oom((FIRST, SECOND, SMALL), host_zones(15900, 60)))
QUIET = "Nov 24 02:00:00 kvm-b3 systemd[1]: Started Session 7 of user root.\n"
GROUP = "/machine.slice/machine-qemu\\x2d3\\x2dweb\\x2d1.scope"


def hung_daemon(taken_at: float) -> Snapshot:
    """A host whose libvirtd was stopped, looked at then."""
    return snapshot(libvirt="hung", daemons=(daemon(state="T"),), taken_at=taken_at)


def today(text: str, facts: Snapshot, window: Window = ALL) -> Report:
    return report_of({"var/log/syslog": text}, facts, window)


def test_a_state_of_today_is_the_answer_where_no_log_speaks() -> None:
    report = today(QUIET, hung_daemon(AT_S))

    assert report.findings[0].cause == "hypervisor-daemon-hung"
    assert report.blame == "host"


def test_it_stands_behind_what_the_logs_have_answered_within_the_day() -> None:
    report = today(KILL, hung_daemon(AT_S + 3600))
    causes = [finding.cause for finding in report.findings]

    assert causes[0] == "host-memory-overcommitted"
    assert "hypervisor-daemon-hung" in causes


def test_it_stands_before_a_failure_that_lies_days_back() -> None:
    report = today(KILL, hung_daemon(AT_S + 3 * DAY_S))

    assert report.findings[0].cause == "hypervisor-daemon-hung"
    assert {f.severity for f in report.findings if f.cause.startswith("host-memory")} == {"info"}


def test_a_cause_of_today_is_not_hidden_by_the_same_cause_of_days_ago() -> None:
    group = ("/machine.slice/other.scope", 8192)
    zones = host_zones(15900, 60)
    kill = syslog(oom((FIRST, SMALL), zones, constraint="CONSTRAINT_MEMCG", memcg=group))
    own = level(high_bytes=8 * GIB, event_rates={"high": 250.0})
    asleep = domain(cgroup=cgroup(own, pressure=pressure(85.0, 80.0)))

    report = today(kill, snapshot(asleep, taken_at=AT_S + 3 * DAY_S))
    told = [finding for finding in report.findings if finding.cause == "cgroup-memory-limit"]

    assert [finding.severity for finding in told] == ["critical", "info"]
    assert "its vCPUs sleep" in told[0].summary


def test_a_well_host_says_nothing_of_today() -> None:
    report = today(QUIET, snapshot(taken_at=AT_S))

    assert report.findings == ()
    assert report.verdict == "healthy"


def test_a_state_of_another_domain_is_no_answer_about_this_one() -> None:
    paused = domain("other", state="paused", state_reason="I/O error")
    about = structs.replace(ALL, domain="web-1")

    report = today(QUIET, snapshot(domain(), paused, taken_at=AT_S), about)

    assert "guest-paused" not in {finding.cause for finding in report.findings}


def test_a_promise_known_today_is_proof_of_overcommitment() -> None:
    promised = memory(ledger=ledger(if_all_deflate_short=4 * GIB, guests_maximum=68 * GIB))

    judgement = judged_of(KILL, structs.replace(snapshot(taken_at=AT_S), memory=promised))[
        "host-memory-overcommitted"
    ]

    assert judgement.findings[0].confidence == 0.85
    assert any("the guests may use 68.0 GiB" in line.text for line in judgement.findings[0].because)


def test_a_qemu_far_above_its_guests_maximum_has_grown() -> None:
    victim = Process(4201, "qemu-system-x86", 14000)
    kill = syslog(oom((victim, SMALL), host_zones(15900, 60), group=f"{GROUP}/libvirt/emulator"))

    judgement = judged_of(kill, snapshot(domain(memory_max_bytes=8 * GIB), taken_at=AT_S))[
        "qemu-memory-growth"
    ]

    assert "QEMU held 13.7 GiB for a guest of 8.0 GiB" in judgement.findings[0].summary


def test_a_qemu_of_its_guests_size_has_not() -> None:
    victim = Process(4201, "qemu-system-x86", 8300)
    kill = syslog(oom((victim, SMALL), host_zones(15900, 60), group=f"{GROUP}/libvirt/emulator"))

    judgement = judged_of(kill, snapshot(domain(memory_max_bytes=8 * GIB), taken_at=AT_S))[
        "qemu-memory-growth"
    ]

    assert judgement.findings == ()
    assert judgement.refuted


def test_the_pid_of_a_running_domain_names_it() -> None:
    kill = syslog(oom((FIRST, SMALL), host_zones(8900, 60), age="3.10"))

    report = today(kill, snapshot(domain("db-9", pid=FIRST.pid), taken_at=AT_S))

    assert report.findings[0].subject.name == "db-9"
