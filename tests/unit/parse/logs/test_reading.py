"""Whole logs: the same events whatever carries them, boots, clocks, exported journals, pstore."""
# ruff: noqa: E501 (log lines stand as the kernel prints them)

from __future__ import annotations

import json

import pytest
from log_samples import OOM_6_1, dmesg, events_of, read, syslog

from kvmedic.model.log_event import BootStarted, HungTask, KernelFault, LogReading, OomReport, Shutdown

BOOT = "0f" * 16
NEXT_BOOT = "1e" * 16


def journal_json(text: str, *, boot: str = BOOT, start_us: int = 1_800_000_000_000_000) -> str:
    """The same kernel log as ``journalctl -o json`` gives it."""
    return "".join(
        json.dumps(
            {
                "__CURSOR": "s=1",
                "__REALTIME_TIMESTAMP": str(start_us + number * 1000),
                "__MONOTONIC_TIMESTAMP": str(5_000_000 + number * 1000),
                "_BOOT_ID": boot,
                "_TRANSPORT": "kernel",
                "PRIORITY": "4",
                "SYSLOG_IDENTIFIER": "kernel",
                "_HOSTNAME": "node7",
                "MESSAGE": line,
            }
        )
        + "\n"
        for number, line in enumerate(text.strip("\n").split("\n"))
    )


def journal_export(text: str, *, binary: bool = False) -> bytes:
    """The same kernel log in the export format, its messages as text or as binary fields."""
    entries = []
    for number, line in enumerate(text.strip("\n").split("\n")):
        message = line.encode()
        field = (
            b"MESSAGE\n" + len(message).to_bytes(8, "little") + message if binary else b"MESSAGE=" + message
        )
        head = (
            f"__CURSOR=s={number}\n__REALTIME_TIMESTAMP={1_800_000_000_000_000 + number}\n_BOOT_ID={BOOT}\n"
        )
        entries.append(
            head.encode() + b"_TRANSPORT=kernel\nSYSLOG_IDENTIFIER=kernel\n_HOSTNAME=node7\n" + field + b"\n"
        )
    return b"\n".join(entries) + b"\n"


def facts(reading: LogReading) -> object:
    """What the OOM reports say, without lines and times."""
    return [
        (
            event.requester,
            event.order,
            event.constraint,
            event.victims,
            event.mem_info,
            event.tasks,
            event.chosen,
        )
        for event in reading.events
        if isinstance(event, OomReport)
    ]


@pytest.mark.parametrize(
    "carried",
    [
        syslog(OOM_6_1),
        OOM_6_1,
        dmesg(OOM_6_1).replace("\n", "\r\n"),
        "".join(f"4,{n},{n + 1234500000},-;{line}\n" for n, line in enumerate(OOM_6_1.splitlines())),
        "".join(f"[Tue Nov 24 03:00:12 2026] {line}\n" for line in OOM_6_1.splitlines()),
        "".join(f"2026-11-24T03:00:12,{n:06d}+01:00 {line}\n" for n, line in enumerate(OOM_6_1.splitlines())),
        "".join(f"2026-11-24T03:00:12+01:00 node7 kernel: {line}\n" for line in OOM_6_1.splitlines()),
        "".join(f"<4>[   99.{n:06d}][ T4242] {line}\n" for n, line in enumerate(OOM_6_1.splitlines())),
        journal_json(OOM_6_1),
        journal_export(OOM_6_1),
        journal_export(OOM_6_1, binary=True),
    ],
    ids=["syslog", "bare", "serial", "kmsg", "ctime", "dmesg-iso", "short-iso", "caller", "json", "export", "binary"],
)  # fmt: skip
def test_the_same_report_is_read_from_every_carrier(carried: str | bytes) -> None:
    expected = facts(read(dmesg(OOM_6_1)))

    assert facts(read(carried)) == expected
    assert facts(read(carried, chunk=777)) == expected


def test_continuation_lines_of_dmesg_are_read() -> None:
    text = dmesg(OOM_6_1)
    for key in (" active_file:812", " unevictable:771", " free:33100"):
        before = text.index(key)
        start = text.rindex("\n", 0, before) + 1
        text = text[:start] + " " * 15 + text[before:]

    assert facts(read(text)) == facts(read(dmesg(OOM_6_1)))


def test_a_message_that_journald_wrote_as_numbers_is_read() -> None:
    entry = {
        "MESSAGE": list(b"kernel BUG at mm/slub.c:1!"),
        "SYSLOG_IDENTIFIER": "kernel",
        "__REALTIME_TIMESTAMP": "1",
    }

    (fault,) = events_of(KernelFault, json.dumps(entry) + "\n")

    assert fault.reason == "kernel BUG at mm/slub.c:1!"


def test_a_message_of_several_lines_in_one_entry_is_read_line_by_line() -> None:
    info = "\n".join(OOM_6_1.splitlines()[12:20])
    entries = journal_json("\n".join(OOM_6_1.splitlines()[:12])) + json.dumps(
        {"MESSAGE": info, "SYSLOG_IDENTIFIER": "kernel", "_BOOT_ID": BOOT, "__MONOTONIC_TIMESTAMP": "5013000"}
    )

    (report,) = events_of(OomReport, entries + "\n")

    assert report.mem_info is not None
    assert report.mem_info.pages["free"] == 33100


def test_journal_times_are_exact_and_boots_are_split_by_their_id() -> None:
    text = journal_json("Linux version 6.1.0-18-amd64 (gcc)\nx") + journal_json(
        "Linux version 6.1.0-18-amd64 (gcc)\nkernel BUG at a.c:1!",
        boot=NEXT_BOOT,
        start_us=1_800_001_000_000_000,
    )

    reading = read(text)

    assert reading.kind == "journal-json"
    assert [(boot.boot_id, boot.is_last, boot.has_shutdown) for boot in reading.boots] == [
        (BOOT, False, False), (NEXT_BOOT, True, False),
    ]  # fmt: skip
    fault = next(event for event in reading.events if isinstance(event, KernelFault))
    assert (fault.at.boot, fault.at.is_zone_known, fault.at.wall_s) == (1, True, 1_800_001_000.001)
    assert fault.lines[0].line_number == 4


def test_a_boot_without_shutdown_is_told_from_one_that_ended_in_order() -> None:
    first = "Linux version 6.1.0 (x)\nCommand line: quiet hugepages=8\nDMI: Dell R740, BIOS 2\nHypervisor detected: KVM\n"
    text = (
        dmesg(first + "reboot: Restarting system", start=0)
        + dmesg(first + "usb 1-1: new device", start=0)
        + dmesg(first + "usb 1-2: new device", start=0)
    )

    reading = read(text)

    assert [boot.has_shutdown for boot in reading.boots] == [True, False, False]
    assert [boot.last_line.text.split("] ")[1] for boot in reading.boots if boot.last_line] == [
        "reboot: Restarting system", "usb 1-1: new device", "usb 1-2: new device",
    ]  # fmt: skip
    assert reading.boots[1].command_line == "quiet hugepages=8"
    assert reading.boots[1].hardware_name == "Dell R740, BIOS 2"
    starts = [event for event in reading.events if isinstance(event, BootStarted)]
    assert [(start.kernel_release, start.hypervisor) for start in starts] == [("6.1.0", "KVM")] * 3
    assert [event.kind for event in reading.events if isinstance(event, Shutdown)] == ["reboot"]


def test_separators_of_journalctl_split_boots() -> None:
    text = (
        "Nov 23 03:00:00 node7 kernel: usb 1-1: gone\n"
        f"-- Boot {BOOT} --\n"
        "Nov 24 03:00:00 node7 kernel: Linux version 5.10.0 (x)\n"
        "Nov 24 03:00:01 node7 systemd-journald[1]: Journal stopped\n"
    )

    reading = read(text)

    assert [(boot.boot_id, boot.has_shutdown) for boot in reading.boots] == [(None, False), (BOOT, True)]
    assert reading.boots[1].kernel_release == "5.10.0"


def test_a_log_that_begins_within_a_boot_has_two_boots_after_a_reboot() -> None:
    reading = read(dmesg("usb 1-1: x", start=9000) + dmesg("Linux version 6.1.0 (x)\nusb 1-1: x", start=0))

    assert [boot.kernel_release for boot in reading.boots] == [None, "6.1.0"]
    assert reading.boots[0].last is not None
    assert reading.boots[0].last.monotonic_s == 9000


def test_pstore_parts_are_put_in_order() -> None:
    newest = "<0>[  100.2] Kernel panic - not syncing: softlockup: hung tasks\n"
    oldest = "<4>[  100.1] INFO: task kvm:7 blocked for more than 120 seconds.\n"

    reading = read(f"Panic#1 Part1\n{newest}Panic#1 Part2\n{oldest}")

    assert reading.kind == "pstore"
    assert [type(event) for event in reading.events] == [HungTask, KernelFault]
    panic = reading.events[1]
    assert isinstance(panic, KernelFault)
    assert panic.is_from_pstore


def test_wall_and_monotonic_clocks_of_one_line_give_their_offset() -> None:
    reading = read("2026-11-24T03:00:12+00:00 node7 kernel: [  100.000000] Kernel panic - not syncing: x\n")

    assert reading.wall_offset_s is not None
    assert reading.first is not None
    assert reading.first.wall_s is not None
    assert reading.wall_offset_s == reading.first.wall_s - 100


def test_counts_first_and_last_describe_the_whole_log() -> None:
    reading = read(syslog(OOM_6_1))

    assert reading.lines_total == len(OOM_6_1.splitlines())
    assert reading.bytes_total == len(syslog(OOM_6_1))
    assert reading.first is not None
    assert reading.last is not None
    assert reading.last.monotonic_s is not None
    assert reading.first.monotonic_s == pytest.approx(1234.5)
    assert reading.counts == {"oom-report": 1}


def test_an_empty_log_is_no_error() -> None:
    reading = read("")

    assert (reading.events, reading.lines_total, reading.first, reading.last) == ((), 0, None, None)
    assert len(reading.boots) == 1
