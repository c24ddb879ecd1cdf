"""How a story is told: times, the end of a stall, and what could not be answered."""

from __future__ import annotations

from kernel_texts import dmesg, syslog
from msgspec import structs
from telling import ALL, top, why

from kvmedic.render import words

HUNG = (
    "INFO: task kworker/0:1:77 blocked for more than 120 seconds.\n"
    "Call Trace:\n schedule+0x2f/0x90\n rpc_wait_bit_killable+0x1f/0x70\n nfs_wait_on_request+0x2c/0x40\n"
)


def test_a_moment_that_only_the_kernels_clock_knows_is_told_by_it() -> None:
    report = why(dmesg("nfs: server 10.0.0.5 not responding, still trying\n", uptime_s=7142301.5))

    assert [(entry.at, words.moment(entry)) for entry in report.timeline] == [(None, "+7142301.5 s")]
    assert words.day(report.timeline[0]) == "after boot, day not known"


def test_the_end_of_a_stall_is_told_with_its_length() -> None:
    silent = "nfs: server 10.0.0.5 not responding, still trying\n"
    text = syslog(silent + HUNG, at="Nov 24 03:00:12", uptime_s=5000.0)
    text += syslog("nfs: server 10.0.0.5 OK\n", at="Nov 24 03:04:12", uptime_s=5240.0)

    report = why(text)

    assert top(report) == "storage-stall"
    assert "the NFS server answered again after 4 min" in [line.text for line in report.findings[0].because]


def test_what_keeps_an_answer_open_is_said_in_words() -> None:
    assert words.headline(why("")) == ("No failure was found, but no log covers it, so nothing can be told.")


def test_a_guest_that_somebody_stopped_is_told_with_who_asked_for_it() -> None:
    at_s = 1795485600
    index = f"UPID:pve1:003D2F01:01835491:{at_s:08X}:qmstop:100:root@pam: {at_s + 3:08X} OK\n"

    report = why({"var/log/pve/tasks/index": index}, structs.replace(ALL, domain="100"))

    assert words.headline(report) == (
        "No failure of 100 stands in the logs of the time asked about; "
        "it was last stopped in order at 2026-11-24 02:00:00 UTC (qmstop, asked for by root@pam)."
    )


def test_a_migration_that_began_an_hour_before_is_told_and_cron_of_that_time_is_not() -> None:
    began_s = 1795485612
    index = f"UPID:pve1:003D2F01:01835491:{began_s:08X}:qmigrate:100:root@pam: {began_s + 5400:08X} OK\n"
    cron = "2026-11-24T02:00:12+00:00 pve1 CRON[7]: (root) CMD (/usr/bin/x)\n"
    kill = "2026-11-24T03:00:12+00:00 pve1 kernel: Out of memory: Killed process 7 (kvm) total-vm:9kB\n"

    report = why({"var/log/pve/tasks/index": index, "var/log/syslog": cron + kill})

    assert ("2026-11-24T02:00:12Z", "100: task qmigrate began (by root@pam)") in [
        (entry.at, entry.text) for entry in report.timeline
    ]
    assert not any("cron job" in entry.text for entry in report.timeline)
    assert any("sysstat" in item for item in report.collect)
