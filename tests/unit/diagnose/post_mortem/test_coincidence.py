"""What begins whenever a failure comes back is told as a coincidence, and so is the time of the day."""

from __future__ import annotations

from field_samples import FIRST, SECOND, SMALL
from kernel_texts import host_zones, oom, syslog
from telling import why

from kvmedic.diagnose.post_mortem.coincidence import coincidence_words
from kvmedic.render import words

DAY_S = 86400.0
KILL = oom((FIRST, SECOND, SMALL), host_zones(15900, 60))


def night(day: int, job: str, clock: str = "03:00:12") -> str:
    cron = f"Nov {day} 03:00:01 kvm-b3 CRON[77]: (root) CMD ({job})\n"
    return cron + syslog(KILL, at=f"Nov {day} {clock}", uptime_s=day * DAY_S)


def test_a_failure_of_every_night_is_told_with_its_time_and_with_what_begins_then() -> None:
    report = why(
        "".join(night(day, "/usr/local/bin/reindex --all", f"03:00:{day}") for day in (21, 22, 23, 24))
    )

    assert report.recurrence is not None
    assert report.recurrence.sentence.endswith(
        "; always at the same time of the day (03:00), "
        "each time within 2 min of cron job reindex (by root): a coincidence, no proof"
    )
    assert "reindex" not in " ".join(line.text for finding in report.findings for line in finding.because)
    assert "cron job reindex began (by root)" in [entry.text for entry in report.timeline]


def test_what_began_only_once_is_no_coincidence() -> None:
    jobs = ("a", "b", "c", "d")
    report = why(
        "".join(night(day, f"/usr/bin/{job}") for day, job in zip((21, 22, 23, 24), jobs, strict=True))
    )

    assert report.recurrence is not None
    assert "coincidence" not in report.recurrence.sentence


def test_a_time_of_day_may_lie_around_midnight_and_needs_more_than_one_day() -> None:
    around = [0.0 - 60.0, DAY_S + 100.0, 2 * DAY_S + 20.0]

    assert coincidence_words(around, ()) == "always at the same time of the day (23:59 to 00:01)"
    assert coincidence_words([7.0, DAY_S + 7.0, DAY_S * 2 + 7.0], ()) == (
        "always at the same time of the day (00:00)"
    )
    assert coincidence_words([10.0, 100.0, 200.0], ()) is None
    assert coincidence_words([10.0, DAY_S + 7000.0, 2 * DAY_S], ()) is None
    assert coincidence_words([10.0, DAY_S], ()) is None


def test_services_of_a_boot_are_no_coincidence() -> None:
    boot = syslog("Linux version 6.1.0-18-amd64 (gcc-12) #1 SMP\n", at="Nov 24 02:59:00", uptime_s=0.0)
    service = "Nov 24 02:59:30 kvm-b3 systemd[1]: Starting cups.service - CUPS Scheduler...\n"

    report = why(boot + service + syslog(KILL, uptime_s=72.0))

    assert not any("cups" in entry.text for entry in report.timeline)
    assert words.headline(report).startswith("It was the host.")
