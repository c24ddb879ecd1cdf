"""What sysstat measured before a failure is told with it, and never makes more of it than it is."""

from __future__ import annotations

from datetime import UTC, datetime

from field_samples import FIRST, SECOND, SMALL
from kernel_texts import host_zones, hung, oom, refusal, roomy_zone, syslog
from telling import top, why

from kvmedic.model.report import Report

KILL = syslog(oom((FIRST, SECOND, SMALL), host_zones(15900, 60)), at="Nov 24 03:00:12")
GIB_KB = 1 << 20
UTC_KILL = "".join(
    line.replace("Nov 24 03:00:12", "2026-11-24T03:00:12.000000+00:00")
    for line in KILL.splitlines(keepends=True)
)


def sar(rows: list[tuple[str, int, int, int]]) -> str:
    """Clock, available KiB, pages/s in from swap, pages/s scanned by tasks; local time, 24 November."""
    text = "Linux 6.1.0-18-amd64 (kvm-b3) \t11/24/26 \t_x86_64_\t(16 CPU)\n\n"
    text += "02:00:01    kbmemfree   kbavail kbmemused\n"
    text += "".join(f"{clock}     123456  {available}   2100480\n" for clock, available, _, _ in rows)
    text += "\n02:00:01     pgpgin/s  majflt/s pgscank/s pgscand/s  pswpin/s\n"
    text += "".join(
        f"{clock}       528.00     20.00      0.00   {scan}.00   {swap}.00\n" for clock, _, swap, scan in rows
    )
    return text


FALL = sar(
    [
        ("02:10:01", 12 * GIB_KB, 0, 0),
        ("02:20:01", 11 * GIB_KB, 0, 0),
        ("02:40:01", 4 * GIB_KB, 0, 4200),
        ("03:00:01", GIB_KB // 4, 0, 81000),
    ]
)
STEADY = sar(
    [("02:10:01", 12 * GIB_KB, 2, 0), ("02:50:01", 11 * GIB_KB, 5, 0), ("02:58:01", 12 * GIB_KB, 3, 0)]
)


def texts(report: Report, index: int = 0) -> list[str]:
    return [line.text for line in report.findings[index].because]


def test_a_fall_of_available_memory_before_a_kill_is_told_with_its_length() -> None:
    report = why({"var/log/kern.log": KILL, "sos_commands/sar/sar24": FALL})

    fall = "available memory fell from 11.0 GiB to 256 MiB in 40 min (sysstat, 11 s before it)"
    assert top(report) == "host-memory-overcommitted"
    assert fall in texts(report)
    assert [entry.text for entry in report.timeline][:2] == [
        fall,
        "81,000 pages/s scanned by tasks that wanted memory (direct reclaim; sysstat, mean of 20 min)",
    ]
    assert report.timeline[0].at == "2026-11-24T03:00:01Z"


def test_without_any_clock_in_local_time_a_report_in_local_time_cannot_be_laid_beside() -> None:
    report = why({"var/log/kern.log": UTC_KILL, "sos_commands/sar/sar24": FALL})

    assert not any("sysstat" in entry.text for entry in report.timeline)


def test_samples_of_sadf_are_in_utc_and_lie_beside_a_log_in_utc() -> None:
    csv = "# hostname;interval;timestamp;kbavail\n"
    csv += "".join(
        f"kvm-b3;600;{datetime(2026, 11, 24, hour, minute, 1, tzinfo=UTC).timestamp():.0f};{available}\n"
        for hour, minute, available in [(2, 40, 9 * GIB_KB), (2, 50, 8 * GIB_KB), (3, 0, GIB_KB)]
    )

    report = why({"var/log/kern.log": UTC_KILL, "kvmedic/logs/sysstat-sa24": csv})

    assert any(
        text.startswith("available memory fell from 9.0 GiB to 1.0 GiB in 20 min") for text in texts(report)
    )


def test_memory_that_was_there_minutes_before_a_kill_went_faster_than_is_measured() -> None:
    report = why({"var/log/kern.log": KILL, "sos_commands/sar/sar24": STEADY})

    assert "12.0 GiB of memory were still available 2 min before it (sysstat)" in texts(report)


def test_ample_memory_clears_a_shortage_once_more_where_nothing_was_killed() -> None:
    stuck = syslog(hung("qemu-system-x86", "io_schedule", "nfs_wait_on_request", "nfs_file_read"))

    report = why({"var/log/kern.log": stuck, "sos_commands/sar/sar24": STEADY})

    (exhausted,) = (suspect for suspect in report.refuted if suspect.cause == "host-memory-exhausted")
    assert exhausted.because[-1].text == "12.0 GiB were available 2 min before (sysstat)"


def test_hard_swapping_before_tasks_hung_is_possible_and_no_more() -> None:
    swapping = sar([("02:40:01", GIB_KB, 20, 0), ("03:00:01", GIB_KB // 2, 5400, 300)])
    stuck = syslog(hung("kworker/0:1", "schedule"))

    report = why({"var/log/kern.log": stuck, "sos_commands/sar/sar24": swapping})

    (thrash,) = (finding for finding in report.findings if finding.cause == "swap-thrashing")
    assert thrash.confidence < 0.6
    assert "5,400 pages/s came back from swap (sysstat, mean of 20 min)" in [
        line.text for line in thrash.because
    ]


def test_measurements_of_another_day_say_nothing() -> None:
    refused = syslog(refusal("qemu-system-x86", 4, "0x40dc0(GFP_KERNEL)", roomy_zone(64000, 9000)))
    other = FALL.replace("11/24/26", "11/20/26")

    report = why({"var/log/kern.log": refused, "sos_commands/sar/sar20": other})

    assert not any("sysstat" in entry.text for entry in report.timeline)


def test_sysstat_alone_is_no_log_of_failures() -> None:
    assert why({"sar24": FALL}).verdict == "undetermined"


def test_what_was_measured_before_a_reboot_says_nothing_of_a_failure_behind_it() -> None:
    booted = syslog("Linux version 6.1.0-18-amd64 (gcc-12) #1 SMP\n", at="Nov 24 02:45:00", uptime_s=0.0)
    kill = syslog(oom((FIRST, SECOND, SMALL), host_zones(15900, 60)), uptime_s=912.0)

    report = why({"var/log/kern.log": booted + kill, "sos_commands/sar/sar24": FALL})

    told = [entry.text for entry in report.timeline if "memory" in entry.text and "sysstat" in entry.text]
    assert told[0] == "256 MiB of memory were still available 11 s before it (sysstat)"
