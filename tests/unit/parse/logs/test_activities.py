"""Cron jobs and services are read where something failed near them, and nowhere else."""
# ruff: noqa: E501 (log lines stand as the programs print them)

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from log_samples import OOM_6_1, events_of, read, syslog

from kvmedic.model.log_event import Activity, OomReport

KILL = syslog(OOM_6_1)
"""At 03:00:12 on 24 November."""
SECRET = "hunter2"  # noqa: S105 (no secret)


def cron(clock: str, command: str, user: str = "root", program: str = "CRON") -> str:
    return f"Nov 24 {clock} node7 {program}[4711]: ({user}) CMD ({command})\n"


def systemd(clock: str, text: str, pid: int = 1) -> str:
    return f"Nov 24 {clock} node7 systemd[{pid}]: {text}\n"


def names(text: str) -> list[tuple[str, str]]:
    return [(activity.kind, activity.name) for activity in events_of(Activity, text)]


def test_what_began_within_two_minutes_of_a_failure_is_told_before_and_behind_it() -> None:
    text = (
        cron("02:50:01", "/usr/local/bin/early")
        + systemd("02:59:01", "Starting apt-daily.service - Daily apt download activities...")
        + cron("03:00:01", "/usr/local/bin/backup --all", user="backup")
        + KILL
        + cron("03:01:01", "cd / && run-parts --report /etc/cron.hourly")
        + cron("03:30:01", "/usr/local/bin/late")
    )

    assert names(text) == [("service", "apt-daily.service"), ("cron", "backup"), ("cron", "cron.hourly")]
    assert len(events_of(OomReport, text)) == 1


def test_without_a_failure_such_lines_are_no_events() -> None:
    text = cron("03:00:01", "/usr/bin/x") + systemd(
        "03:00:02", "Started Daily Cleanup of Temporary Directories."
    )

    assert read(text).events == ()


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (
            "Starting fstrim.service - Discard unused blocks on filesystems from /etc/fstab...",
            "fstrim.service",
        ),
        ("Starting Discard unused blocks...", "Discard unused blocks"),
        ("Started Daily Cleanup of Temporary Directories.", "Daily Cleanup of Temporary Directories"),
    ],
)
def test_services_have_their_unit_or_their_description_as_name(line: str, name: str) -> None:
    assert names(systemd("03:00:02", line) + KILL) == [("service", name)]


@pytest.mark.parametrize(
    "line",
    [
        "Started session-12.scope - Session 12 of User root.",
        "Started Session 12 of user root.",
        "Starting user@0.service - User Manager for UID 0...",
        "Started machine-qemu\\x2d3\\x2dweb01.scope - Virtual Machine qemu-3-web01.",
    ],
)
def test_sessions_and_guests_are_none(line: str) -> None:
    assert names(systemd("03:00:02", line) + KILL) == []


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("command -v debian-sa1 > /dev/null && debian-sa1 1 1", "debian-sa1"),
        ("   cd / && run-parts --report /etc/cron.hourly", "cron.hourly"),
        (f"PASSWORD={SECRET} /opt/backup.sh --token {SECRET}", "backup.sh"),
        (f'PASSWORD="a {SECRET} b" /opt/backup.sh', "backup.sh"),
        (f'PASSWORD="a {SECRET}', None),
        (f"curl https://user:{SECRET}@example.com/x", "curl"),
        ("[ -x /etc/init.d/anacron ] && if [ ! -d /run/systemd/system ]; then invoke-rc.d anacron start; fi", "anacron"),
    ],
)  # fmt: skip
def test_of_a_command_only_its_program_is_kept(command: str, name: str | None) -> None:
    activities = events_of(Activity, cron("03:00:01", command) + KILL)

    assert [activity.name for activity in activities] == ([] if name is None else [name])
    assert SECRET not in repr(activities)


def test_what_began_just_before_a_log_broke_off_is_told() -> None:
    text = (
        cron("03:00:01", "/usr/local/bin/burn")
        + "Nov 24 03:00:20 node7 sshd[9]: Accepted publickey for root\n"
        + "Nov 24 03:05:00 node7 kernel: [    0.000000] Linux version 6.1.0-18-amd64 (gcc-12) #1 SMP\n"
    )

    assert names(text) == [("cron", "burn")]


def test_a_day_full_of_cron_lines_costs_no_memory_and_tells_the_last_ones() -> None:
    text = "".join(
        cron(f"{n // 3600:02d}:{n // 60 % 60:02d}:{n % 60:02d}", f"/usr/bin/job{n}") for n in range(3 * 3600)
    )

    told = names(text + KILL)

    assert len(told) == 32
    assert told[-1] == ("cron", "job10799")


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_command_is_read(command: str) -> None:
    read(f"Nov 24 03:00:01 node7 CRON[1]: (root) CMD ({command})\n{KILL}")
