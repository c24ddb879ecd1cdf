"""Audit's VIRT_CONTROL, Proxmox' tasks and the BMC's event log tell of starts, stops and resets."""
# ruff: noqa: E501 (log lines stand as the programs print them)

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from log_samples import read, the_event

from kvmedic.model.log_event import (
    Activity,
    BackupEvent,
    BalloonEvent,
    FenceEvent,
    HardwareError,
    LibvirtEvent,
    QemuEvent,
)

AUDIT = (
    "type=VIRT_CONTROL msg=audit(1800000000.123:456): pid=981 uid=0 auid=4294967295 ses=4294967295 "
    'msg=\'virt=kvm op={op} reason={reason} vm="web01" uuid=0f0f0f0f-1e1e-2d2d-3c3c-4b4b4b4b4b4b vm-pid={pid} '
    'exe="/usr/sbin/libvirtd" hostname=? addr=? terminal=? res=success\'\n'
)
UPID = "UPID:node7:0000ABCD:00112233:5F000000:{type}:101:root@pam:"


@pytest.mark.parametrize(
    ("op", "reason", "kind"),
    [("start", "booted", "started"), ("stop", "crashed", "stopped"), ("stop", "destroyed", "stopped")],
)
def test_audit_tells_when_which_domain_began_and_ended(op: str, reason: str, kind: str) -> None:
    event = the_event(QemuEvent, AUDIT.format(op=op, reason=reason, pid=4201), source="audit.log")

    assert (event.kind, event.domain, event.reason, event.pid) == (kind, "web01", reason, 4201)
    assert (event.at.wall_s, event.at.is_zone_known) == (1800000000.123, True)


@pytest.mark.parametrize(
    ("task", "kind"),
    [("qmstart", "started"), ("qmstop", "stopped"), ("qmreset", "started"), ("qmreboot", "started")],
)
def test_tasks_of_proxmox_tell_restarts(task: str, kind: str) -> None:
    line = f"Nov 24 03:00:12 node7 pvedaemon[9]: <root@pam> starting task {UPID.format(type=task)}\n"

    event = the_event(QemuEvent, line)

    assert (event.kind, event.domain, event.reason) == (kind, "101", task)


def test_a_task_that_failed_is_a_failed_start_and_one_that_ended_well_is_nothing_new() -> None:
    head = f"Nov 24 03:00:12 node7 pvedaemon[9]: <root@pam> end task {UPID.format(type='qmstart')}"

    failed = the_event(QemuEvent, f"{head} start failed: QEMU exited with code 1\n")

    assert (failed.kind, failed.reason) == ("start-failed", "start failed: QEMU exited with code 1")
    assert read(f"{head} OK\n").events == ()


def test_the_bmc_tells_of_memory_errors_and_of_its_watchdog() -> None:
    text = (
        "   1 | 11/24/2026 | 03:00:12 | Memory #0x53 | Uncorrectable ECC (DIMM_A1) | Asserted\n"
        "   2 | 11/24/2026 | 03:00:15 CET | Watchdog2 #0x03 | Hard reset | Asserted\n"
        "   3 | 11/24/2026 | 03:01:00 | System Boot Initiated #0x20 | Initiated by power up | Asserted\n"
    )

    memory, watchdog = read(text).events

    assert isinstance(memory, HardwareError)
    assert (memory.source, memory.severity, memory.component) == ("sel", "uncorrected", "memory")
    assert memory.at.is_year_known
    assert isinstance(watchdog, FenceEvent)
    assert (watchdog.kind, watchdog.agent) == ("expired", "bmc")


def test_a_start_that_audit_calls_failed_is_no_start() -> None:
    text = AUDIT.format(op="start", reason="booted", pid=-1).replace("res=success", "res=failed")

    event = the_event(QemuEvent, text, source="audit.log")

    assert (event.kind, event.domain, event.pid, event.failure) == ("start-failed", "web01", None, "other")


def test_audit_calls_failed_what_libvirt_calls_crashed() -> None:
    event = the_event(QemuEvent, AUDIT.format(op="stop", reason="failed", pid=4201), source="audit.log")

    assert (event.kind, event.reason) == ("stopped", "crashed")


def test_a_name_that_audit_writes_in_hexadecimal_is_read() -> None:
    coded = b"web 01".hex().upper()
    text = AUDIT.format(op="stop", reason="shutdown", pid=0).replace('vm="web01"', f"vm={coded}")

    assert the_event(QemuEvent, text, source="audit.log").domain == "web 01"


def test_a_name_of_digits_and_letters_that_stands_bare_is_taken_as_it_is() -> None:
    text = AUDIT.format(op="stop", reason="shutdown", pid=0).replace('vm="web01"', "vm=CAFE")

    assert the_event(QemuEvent, text, source="audit.log").domain == "CAFE"


def test_records_of_container_runtimes_are_not_domains() -> None:
    text = (
        "type=VIRT_CONTROL msg=audit(1506321923.246:470): pid=1182 uid=0 auid=4294967295 ses=4294967295 "
        "subj=system_u:system_r:container_runtime_t:s0 msg='reason=api vm-pid=10657 op=start vm=centos:7 "
        'user=origin exe="/usr/bin/dockerd-current" hostname=? addr=? terminal=? res=success\'\n'
    )

    assert read(text, source="audit.log").events == ()


def test_memory_that_was_set_through_libvirt_is_told_with_both_sizes() -> None:
    text = (
        "type=VIRT_RESOURCE msg=audit(1800000000.123:457): pid=981 uid=0 auid=4294967295 ses=4294967295 "
        'msg=\'virt=kvm resrc=mem reason={reason} vm="web01" uuid=0f0f0f0f-1e1e-2d2d-3c3c-4b4b4b4b4b4b '
        'old-mem={old} new-mem=4194304 exe="/usr/sbin/libvirtd" hostname=? addr=? terminal=? res={res}\'\n'
    )

    event = the_event(BalloonEvent, text.format(reason="update", old=2097152, res="success"), source="a")

    assert (event.daemon, event.domain, event.from_bytes, event.to_bytes) == (
        "libvirt",
        "web01",
        2 << 30,
        4 << 30,
    )
    assert read(text.format(reason="start", old=0, res="success")).events == ()
    assert read(text.format(reason="update", old=2097152, res="failed")).events == ()


SERVICE = (
    "type=SERVICE_{verb} msg=audit(1800000000.123:458): pid=1 uid=0 auid=4294967295 ses=4294967295 "
    'subj=system_u:system_r:init_t:s0 msg=\'unit={unit} comm="systemd" exe="/usr/lib/systemd/systemd" '
    "hostname=? addr=? terminal=? res={res}'\n"
)


def test_the_end_of_libvirts_daemon_is_told_by_audit() -> None:
    ended = the_event(Activity, SERVICE.format(verb="STOP", unit="libvirtd", res="success"))
    failed = the_event(LibvirtEvent, SERVICE.format(verb="STOP", unit="virtqemud", res="failed"))

    assert (ended.kind, ended.name, ended.stage) == ("service", "libvirtd", "ended")
    assert (failed.kind, failed.holder) == ("service-failed", "virtqemud stopped with a failure")
    assert read(SERVICE.format(verb="STOP", unit="cups", res="success")).events == ()


def test_the_kernels_own_line_of_an_audit_record_is_read_where_no_auditd_runs() -> None:
    text = (
        "[  812.123456] audit: type=2500 audit(1800000000.123:456): pid=981 uid=0 auid=4294967295 ses=4294967295 "
        'msg=\'virt=kvm op=stop reason=destroyed vm="web01" uuid=0f0f0f0f-1e1e-2d2d-3c3c-4b4b4b4b4b4b '
        'vm-pid=0 exe="/usr/sbin/libvirtd" hostname=? addr=? terminal=? res=success\'\n'
    )

    event = the_event(QemuEvent, text)

    assert (event.kind, event.reason, event.at.monotonic_s) == ("stopped", "destroyed", 812.123456)


INDEX = """\
UPID:pve1:003D2ED6:01835485:5F09980F:qmstart:100:root@pam: 5F099B97 OK
UPID:pve1:003D2F00:01835490:5F09A000:qmshutdown:100:ops@pve!token: 5F09A0B4 VM quit/powerdown failed - got timeout
UPID:pve1:003D2F01:01835491:5F09A100:qmstop:100:root@pam: 5F09A103 OK
UPID:pve1:003D2F02:01835492:5F09A200:qmstart:101:root@pam: 5F09A21E start failed: QEMU exited with code 1
UPID:pve1:003D2F03:01835493:5F09A300:vzdump:101:root@pam: 5F09B300 job errors
UPID:pve1:003D2F04:01835494:5F09A400:vncproxy:101:root@pam: 5F09A410 OK
UPID:pve1:003D2F05:01835495:5F09C000:qmigrate:100:root@pam: 5F09C100 OK
UPID:pve1:003D2F06:01835496:5F09D000:aptupdate::root@pam: 5F09D010 WARNINGS: 1
"""


def test_proxmox_list_of_tasks_tells_what_was_asked_for_by_whom_and_how_it_ended() -> None:
    reading = read(INDEX, source="var/log/pve/tasks/index")

    assert reading.kind == "pve-tasks"
    told = [
        (event.kind, event.domain, event.reason, event.sender)
        for event in reading.events
        if isinstance(event, QemuEvent)
    ]
    assert told == [
        ("started", "100", "qmstart", "root@pam"),
        ("stopped", "100", "qmstop", "root@pam"),
        ("start-failed", "101", "start failed: QEMU exited with code 1", "root@pam"),
        ("stopped", "100", "migrated", "root@pam"),
    ]
    backups = [event for event in reading.events if isinstance(event, BackupEvent)]
    assert [(event.kind, event.vmid, event.at.wall_s) for event in backups] == [
        ("began", 101, 0x5F09A300),
        ("failed", 101, 0x5F09B300),
    ]
    others = [event for event in reading.events if isinstance(event, Activity)]
    assert [(event.name, event.stage, event.domain, event.user) for event in others] == [
        ("qmshutdown", "failed", "100", "ops@pve!token"),
        ("qmigrate", "began", "100", "root@pam"),
        ("qmigrate", "ended", "100", "root@pam"),
        ("aptupdate", "began", None, "root@pam"),
        ("aptupdate", "ended", None, "root@pam"),
    ]
    assert others[0].detail == "VM quit/powerdown failed - got timeout"


def test_a_backup_that_still_runs_began_and_did_not_end() -> None:
    text = "UPID:pve1:003D2F03:01835493:5F09A300:vzdump::root@pam: 0\n"

    (event,) = read(text, source="var/log/pve/tasks/active").events

    assert isinstance(event, BackupEvent)
    assert (event.kind, event.vmid) == ("began", None)


@settings(deadline=None)
@given(
    st.lists(st.sampled_from([*INDEX.splitlines(), "UPID:", "UPID:a:B:C:", "x" * 5000, "\x00"]), max_size=30)
)
def test_any_mixture_of_task_lines_is_read(lines: list[str]) -> None:
    reading = read("UPID:n:0:0:0:qmstart:1:u: 00000001 OK\n" + "\n".join(lines))

    assert reading.kind == "pve-tasks"
    assert all(event.lines[0].line_number <= len(lines) + 1 for event in reading.events)


@settings(deadline=None)
@given(
    st.text(max_size=300),
    st.sampled_from(["virt=kvm op=stop reason=x vm=", "virt=kvm resrc=mem reason=update vm="]),
)
def test_an_audit_record_cut_anywhere_is_no_error(rest: str, head: str) -> None:
    read(f"type=VIRT_CONTROL msg=audit(1800000000.1:4): pid=1 msg='{head}{rest}\n")


def test_of_a_very_long_list_the_latest_tasks_are_kept_and_the_others_counted() -> None:
    line = "UPID:pve1:003D2ED6:01835485:{at:08X}:qmstart:100:root@pam: {at:08X} OK\n"

    reading = read("".join(line.format(at=0x5F000000 + n) for n in range(2500)))

    assert (len(reading.events), reading.events_not_kept) == (2000, 500)
    assert reading.events[-1].at.wall_s == 0x5F000000 + 2499
