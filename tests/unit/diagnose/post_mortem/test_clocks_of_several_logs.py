"""Logs whose clocks differ are laid on one timeline: local time, seconds since boot, and QEMU's UTC."""

from __future__ import annotations

from field_samples import FIRST, SECOND, SMALL
from kernel_texts import dmesg, host_zones, oom, refusal, roomy_zone, syslog
from telling import top, why

QEMU_LOG = "var/log/libvirt/qemu/web01.log"
CRASHED = (
    "2026-11-20 09:00:00.000+0000: starting up libvirt version: 9.0.0, qemu version: 7.2.9\n"
    "2026-11-24 02:00:12.600+0000: shutting down, reason=crashed\n"
)
KILL = oom((FIRST, SECOND, SMALL), host_zones(15900, 60))


def test_local_time_is_laid_beside_utc_by_the_end_of_qemu() -> None:
    report = why({"var/log/kern.log": syslog(KILL), QEMU_LOG: CRASHED})

    assert top(report) == "host-memory-overcommitted"
    assert report.timeline[0].at == "2026-11-24T02:00:12Z"
    assert len(report.incidents) == 1
    assert "qemu-killed" not in {finding.cause for finding in report.findings}


def test_seconds_since_boot_are_laid_beside_utc_by_the_end_of_qemu() -> None:
    report = why({"sos_commands/kernel/dmesg": dmesg(KILL), QEMU_LOG: CRASHED})

    assert top(report) == "host-memory-overcommitted"
    assert report.timeline[0].at == "2026-11-24T02:00:12Z"


def test_a_ring_buffer_that_meets_nothing_is_taken_to_be_recent() -> None:
    refused = refusal("qemu-system-x86", 4, "0x40dc0(GFP_KERNEL)", roomy_zone(64000, 9000))

    report = why(
        {"sos_commands/kernel/dmesg": dmesg(refused), QEMU_LOG: CRASHED.replace("crashed", "shutdown")}
    )

    assert top(report) == "memory-fragmented"
    assert {entry.at for entry in report.timeline if entry.source.endswith("dmesg")} == {None}


def test_an_assertion_without_a_clock_belongs_to_the_end_behind_it() -> None:
    lines = CRASHED.splitlines(keepends=True)
    assertion = "qemu-kvm: ../block.c:13: bdrv_drain: Assertion `!bs->in_flight' failed.\n"

    report = why({QEMU_LOG: lines[0] + assertion + lines[1]})

    assert top(report) == "qemu-crash"
    assert [entry.at for entry in report.timeline][-2:] == ["2026-11-24T02:00:12Z"] * 2


def test_a_qemu_that_ended_in_an_earlier_boot_is_told_with_the_kill_of_that_boot() -> None:
    booted = syslog("Linux version 6.1.0-18-amd64 (gcc-12) #1 SMP\n", at="Nov 20 01:00:00", uptime_s=0.0)
    again = syslog("Linux version 6.1.0-18-amd64 (gcc-12) #1 SMP\n", at="Nov 24 05:00:00", uptime_s=0.0)
    orderly = "Nov 24 04:58:00 kvm-b3 systemd[1]: Reached target System Reboot.\n"

    report = why({"var/log/syslog": booted + syslog(KILL) + orderly + again, QEMU_LOG: CRASHED})

    assert top(report) == "host-memory-overcommitted"
    assert len(report.incidents) == 1


def test_a_crash_dump_is_laid_beside_the_log_of_its_boot_that_writes_both_clocks() -> None:
    """Days after the last event that reached the disk, the host panicked: the dump alone knows."""
    limit = oom((FIRST, SMALL), host_zones(15900, 60), constraint="CONSTRAINT_MEMCG", memcg=("/x", 8192))
    again = syslog("Linux version 6.1.0-18-amd64 (gcc-12) #1 SMP\n", at="Nov 24 05:00:00", uptime_s=0.0)
    old = syslog(limit, at="Nov 20 03:00:12", uptime_s=250000.0)
    panic = dmesg("Kernel panic - not syncing: sysrq triggered crash\n", uptime_s=600000.0)

    report = why(
        {
            "var/log/kern.log": old + again,
            "var/crash/127.0.0.1-2026-11-24-04:58/vmcore-dmesg.txt": dmesg(limit, uptime_s=250000.0) + panic,
        }
    )

    assert top(report) == "host-panic"
    assert report.timeline[-1].at is not None
    assert report.timeline[-1].at.startswith("2026-11-24T0")
