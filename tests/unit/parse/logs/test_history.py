"""Audit's VIRT_CONTROL, Proxmox' tasks and the BMC's event log tell of starts, stops and resets."""
# ruff: noqa: E501 (log lines stand as the programs print them)

from __future__ import annotations

import pytest
from log_samples import read, the_event

from kvmedic.model.log_event import FenceEvent, HardwareError, QemuEvent

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
