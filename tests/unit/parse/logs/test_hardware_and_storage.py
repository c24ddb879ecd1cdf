"""Hardware errors by severity, and storage that failed, stalled or is full."""
# ruff: noqa: E501 (log lines stand as the kernel prints them)

from __future__ import annotations

import pytest
from log_samples import dmesg, events_of, read, syslog, the_event

from kvmedic.model.log_event import HardwareError, StorageError


@pytest.mark.parametrize(
    ("line", "source", "severity", "component", "count"),
    [
        ("EDAC MC0: 1 CE memory read error on CPU_SrcID#0_Ha#0_Chan#1_DIMM#0 (channel:1 page:0x12a offset:0x40)", "edac", "corrected", "memory", 1),
        ("EDAC MC1: 32767 CE memory scrubbing error on DIMM_B2 (channel:0 slot:1 page:0x1)", "edac", "corrected", "memory", 32767),
        ("EDAC MC0: 1 UE memory read error on DIMM_A1 (channel:0 slot:0 page:0x77)", "edac", "uncorrected", "memory", 1),
        ('EDAC MC0: CE page 0x10, offset 0x0, grain 8, syndrome 0x1, row 0, channel 1, label "DIMM3": amd64_edac', "edac", "corrected", "memory", 1),
        ("Memory failure: 0x12345: recovery action for dirty LRU page: Recovered", "hwpoison", "uncorrected", "memory", 1),
        ("pcieport 0000:00:01.0: AER: Corrected error received: 0000:01:00.0", "aer", "corrected", "pcie", 1),
        ("pcieport 0000:00:01.0: AER: Uncorrected (Non-Fatal) error received: 0000:01:00.0", "aer", "uncorrected", "pcie", 1),
        ("pcieport 0000:00:01.0: AER: Multiple Uncorrected (Fatal) error received: 0000:01:00.0", "aer", "fatal", "pcie", 1),
        ("mce: Uncorrected hardware memory error in user-access at 3f1a2b000", "mce", "uncorrected", "memory", 1),
    ],
)  # fmt: skip
def test_errors_told_in_one_line(line: str, source: str, severity: str, component: str, count: int) -> None:
    error = the_event(HardwareError, dmesg(line))

    assert (error.source, error.severity, error.component, error.count) == (
        source,
        severity,
        component,
        count,
    )


@pytest.mark.parametrize(
    ("line", "comm", "pid"),
    [
        (
            "Memory failure: 0x1a2b3: Killing qemu-system-x86:4321 due to hardware memory corruption",
            "qemu-system-x86",
            4321,
        ),
        (
            "Memory failure: 0x1a2b3: Sending SIGBUS to CPU 0/KVM:4321 due to hardware memory corruption",
            "CPU 0/KVM",
            4321,
        ),
        ("MCE 0x1a2b3: Killing kvm:4321 due to hardware memory corruption", "kvm", 4321),
        (
            "MCE: Killing qemu-kvm:4321 due to hardware memory corruption fault at 7f0000001000",
            "qemu-kvm",
            4321,
        ),
    ],
)
def test_whom_a_poisoned_page_killed(line: str, comm: str, pid: int) -> None:
    killed = the_event(HardwareError, dmesg(line)).killed

    assert killed is not None
    assert (killed.comm, killed.pid) == (comm, pid)


def test_a_dimm_and_an_address_are_told() -> None:
    error = the_event(
        HardwareError, dmesg("EDAC MC0: 1 CE memory read error on DIMM_A1 (channel:1 page:0x12a offset:0x40)")
    )

    assert (error.location, error.address) == ("DIMM_A1", 0x12A000)


@pytest.mark.parametrize(
    ("status", "severity"),
    [("90000040000f0005", "corrected"), ("be00000000800400", "fatal"), ("bd80000000100134", "uncorrected")],
)
def test_a_machine_check_is_judged_by_its_status_bits(status: str, severity: str) -> None:
    text = f"""\
mce: [Hardware Error]: Machine check events logged
mce: [Hardware Error]: CPU 3: Machine Check: 0 Bank 0: {status}
mce: [Hardware Error]: TSC 1d4f2c ADDR 3f1a2b000 MISC 86
mce: [Hardware Error]: PROCESSOR 0:306c3 TIME 1700000000 SOCKET 0 APIC 6 microcode 28
"""

    error = the_event(HardwareError, dmesg(text))

    assert (error.source, error.severity, error.cpu, error.location) == ("mce", severity, 3, "bank 0")
    assert (error.mce_status, error.address) == (int(status, 16), 0x3F1A2B000)


def test_a_firmware_record_is_one_event() -> None:
    text = """\
{1}[Hardware Error]: Hardware error from APEI Generic Hardware Error Source: 0
{1}[Hardware Error]: event severity: corrected
{1}[Hardware Error]:  Error 0, type: corrected
{1}[Hardware Error]:   section_type: memory error
{1}[Hardware Error]:   physical_address: 0x0000001234567000
{2}[Hardware Error]: Hardware error from APEI Generic Hardware Error Source: 0
{2}[Hardware Error]: event severity: recoverable
"""

    first, second = events_of(HardwareError, syslog(text))

    assert (first.source, first.severity, first.component, first.address) == (
        "ghes",
        "corrected",
        "memory",
        0x1234567000,
    )
    assert second.severity == "uncorrected"


def test_rasdaemon_lines_are_errors_too() -> None:
    line = (
        "Nov 24 03:00:12 node7 rasdaemon[812]: <...>-77 [003] .... 1.2 mc_event: 2026-11-24 03:00:12 +0100 "
        "2 Corrected errors: memory read error on DIMM_A1 (mc: 0 location: 0:1:0 address: 0x10 grain: 0)\n"
    )

    error = the_event(HardwareError, line.replace("errors:", "error:"))

    assert (error.source, error.severity, error.count, error.location) == (
        "rasdaemon",
        "corrected",
        2,
        "DIMM_A1",
    )


def test_start_up_lines_of_hardware_drivers_are_no_errors() -> None:
    text = """\
EDAC MC: Ver: 3.0.0
EDAC MC0: Giving out device to module skx_edac controller Skylake Socket#0 IMC#0: DEV 0000:64:0a.0 (INTERRUPT)
EDAC sbridge: Ver: 1.1.2
mce: CPU supports 22 MCE banks
mce: CPU0: Package temperature above threshold, cpu clock throttled (total events = 1)
MCE: In-kernel MCE decoding enabled.
pcieport 0000:00:1c.0: AER: enabled with IRQ 122
"""

    assert read(dmesg(text)).events == ()


@pytest.mark.parametrize(
    ("line", "kind", "device"),
    [
        ("blk_update_request: I/O error, dev sdb, sector 2048 op 0x1:(WRITE) flags 0x800 phys_seg 1 prio class 0", "block-io", "sdb"),
        ("I/O error, dev nvme0n1, sector 7 op 0x0:(READ) flags 0x80700 phys_seg 1 prio class 2", "block-io", "nvme0n1"),
        ("end_request: I/O error, dev sda, sector 99", "block-io", "sda"),
        ("Buffer I/O error on dev dm-3, logical block 12, lost async page write", "block-io", "dm-3"),
        ("Buffer I/O error on device sdc1, logical block 0", "block-io", "sdc1"),
        ("EXT4-fs error (device dm-1): ext4_find_entry:1455: inode #2: comm ls: reading directory lblock 0", "filesystem-error", "dm-1"),
        ("EXT4-fs (dm-1): Remounting filesystem read-only", "remounted-read-only", "dm-1"),
        ("EXT4-fs (dm-1): Delayed block allocation failed for inode 12 at logical offset 0 with max blocks 2 with error 28", "delayed-write-lost", "dm-1"),
        ("XFS (dm-2): xfs_do_force_shutdown(0x2) called from line 1 of file fs/xfs/xfs_log.c. Filesystem has been shut down", "filesystem-shutdown", "dm-2"),
        ("XFS (dm-2): Log I/O Error Detected. Shutting down filesystem", "filesystem-shutdown", "dm-2"),
        ("XFS (sdb1): Metadata corruption detected at xfs_agf_read_verify+0x1/0x2, xfs_agf block 0x1", "filesystem-error", "sdb1"),
        ("nfs: server nas1 not responding, still trying", "nfs-not-responding", "nas1"),
        ("nfs: server 10.0.0.5 not responding, timed out", "nfs-not-responding", "10.0.0.5"),
        ("sd 2:0:0:1: rejecting I/O to offline device", "device-offline", "2:0:0:1"),
        ("nvme nvme0: I/O 77 QID 3 timeout, aborting", "command-timeout", "nvme0"),
        ("device-mapper: multipath: 253:2: Failing path 8:32.", "path-failed", "8:32."),
    ],
)  # fmt: skip
def test_storage_errors_have_kind_and_device(line: str, kind: str, device: str) -> None:
    error = the_event(StorageError, dmesg(line))

    assert (error.kind, error.device) == (kind, device)


def test_a_full_disk_and_lost_paths_are_told_by_programs() -> None:
    text = (
        "Nov 24 03:00:12 node7 rsyslogd[7]: file '/var/log/syslog': write error: No space left on device\n"
        "Nov 24 03:00:13 node7 multipathd[9]: mpatha: remaining active paths: 0\n"
    )

    full, lost = events_of(StorageError, text)

    assert (full.kind, full.identifier) == ("no-space", "rsyslogd")
    assert (lost.kind, lost.device) == ("all-paths-failed", "mpatha")


def test_a_write_is_told_from_a_read() -> None:
    error = the_event(
        StorageError, dmesg("I/O error, dev sdb, sector 2048 op 0x1:(WRITE) flags 0x800 phys_seg 1")
    )

    assert error.operation == "WRITE"


def test_a_server_that_answers_again_ends_its_silence() -> None:
    text = dmesg(
        "nfs: server 10.0.0.5 not responding, still trying\n"
        "nfs: server 10.0.0.5 OK\n"
        "NET: server room OK\n"
        "nfs: server nas.example.com OK"
    )

    errors = events_of(StorageError, text)

    assert [(error.kind, error.device) for error in errors] == [
        ("nfs-not-responding", "10.0.0.5"),
        ("nfs-answers", "10.0.0.5"),
        ("nfs-answers", "nas.example.com"),
    ]
