"""Killers in user space, ballooners, throttling, watchdogs, fencing, backups, magic keys."""
# ruff: noqa: E501 (log lines stand as the kernel prints them)

from __future__ import annotations

import pytest
from log_samples import dmesg, read, the_event

from kvmedic.model.log_event import BackupEvent, BalloonEvent, FenceEvent, SysRq, Throttled, UserspaceOomEvent

HEAD = "Nov 24 03:00:12 node7 "


def test_systemd_oomd_names_cgroup_and_pressure() -> None:
    line = HEAD + (
        "systemd-oomd[934]: Killed /machine.slice/machine-qemu\\x2d3\\x2dweb01.scope due to memory pressure for "
        "/machine.slice being 51.07% > 50.00% for > 20s with reclaim activity\n"
    )

    event = the_event(UserspaceOomEvent, line)

    assert (event.daemon, event.kind) == ("systemd-oomd", "killed")
    assert event.cgroup == "/machine.slice/machine-qemu\\x2d3\\x2dweb01.scope"
    assert (event.pressure_percent, event.limit_percent, event.is_for_swap) == (51.07, 50.0, False)


@pytest.mark.parametrize(
    ("line", "daemon", "kind"),
    [
        ("systemd-oomd[9]: Killed /user.slice/a due to memory used (10) / total (20) and swap used (95.00%) being more than 90.00%", "systemd-oomd", "killed"),
        ("systemd[1]: machine-qemu.scope: systemd-oomd killed 3 process(es) in this unit.", "systemd-oomd", "killed"),
        ("systemd[1]: machine-qemu.scope: systemd-oomd killed some process(es) in this unit.", "systemd-oomd", "killed"),
        ("systemd-oomd[9]: Memory pressure for /a.slice is 85.03% > 80.00% for > 2s with reclaim activity", "systemd-oomd", "warning"),
        ('earlyoom[812]: sending SIGTERM to process 4201 uid 107 "qemu-system-x86": badness 903, VmRSS 33000 MiB', "earlyoom", "killed"),
        ("earlyoom[812]: low memory! at or below SIGTERM limits: mem 10.00%, swap 10.00%", "earlyoom", "warning"),
    ],
)  # fmt: skip
def test_killers_in_user_space(line: str, daemon: str, kind: str) -> None:
    event = the_event(UserspaceOomEvent, HEAD + line + "\n")

    assert (event.daemon, event.kind) == (daemon, kind)


def test_a_daemon_that_speaks_through_the_kernels_log_is_heard() -> None:
    line = 'earlyoom: sending SIGTERM to process 251 uid 0 "qemu-system-x86": badness 988, VmRSS 213 MiB\n'

    told = [
        the_event(UserspaceOomEvent, place + line)
        for place in (HEAD + "kernel: [  30.000938] ", "[  30.000938] ")
    ]

    assert {(event.daemon, event.kind) for event in told} == {("earlyoom", "killed")}
    assert {event.task.pid for event in told if event.task is not None} == {251}


def test_a_daemon_that_the_kernel_killed_is_not_taken_for_its_words() -> None:
    kill = "Out of memory: Killed process 812 (earlyoom) total-vm:2000kB, anon-rss:900kB\n"

    events = read(HEAD + "kernel: [  30.000938] " + kill).events

    assert not [event for event in events if isinstance(event, UserspaceOomEvent)]


def test_earlyoom_names_its_victim() -> None:
    line = (
        HEAD
        + 'earlyoom[812]: sending SIGTERM to process 4201 uid 107 "qemu-system-x86": badness 903, VmRSS 33000 MiB\n'
    )

    event = the_event(UserspaceOomEvent, line)

    assert event.task is not None
    assert (event.task.pid, event.task.comm, event.rss_bytes) == (4201, "qemu-system-x86", 33000 << 20)


def test_a_service_that_merely_starts_is_no_event() -> None:
    assert read(HEAD + "systemd[1]: Started earlyoom.service - Early OOM Daemon.\n").events == ()


def test_a_guests_driver_out_of_puff_is_told() -> None:
    event = the_event(BalloonEvent, dmesg("virtio_balloon virtio3: Out of puff! Can't get 1 pages"))

    assert event.kind == "out-of-puff"


def test_mom_moves_a_balloon() -> None:
    line = "2026-11-24 03:00:12,123 - mom.Controllers.Balloon - INFO - Ballooning guest:web01 from 4194304 to 3984588\n"

    event = the_event(BalloonEvent, line)

    assert (event.kind, event.domain, event.from_bytes, event.to_bytes) == (
        "target-set",
        "web01",
        4 << 30,
        3984588 << 10,
    )


def test_pvestatd_that_cannot_reach_a_balloon_names_the_vm() -> None:
    line = HEAD + "pvestatd[1500]: VM 101 qmp command 'balloon' failed - got timeout\n"

    event = the_event(BalloonEvent, line)

    assert (event.kind, event.vmid, event.daemon) == ("ballooner-error", 101, "pvestatd")


def test_split_lock_traps_name_the_vcpu() -> None:
    event = the_event(
        Throttled,
        dmesg("x86/split lock detection: #AC: CPU 0/KVM/4301 took a split_lock trap at address: 0x7f11"),
    )

    assert (event.kind, event.task.comm, event.task.pid) == ("split-lock", "CPU 0/KVM", 4301)


def test_the_start_up_line_of_split_lock_detection_is_no_trap() -> None:
    assert read(dmesg("x86/split lock detection: warning about user-space split_locks")).events == ()


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("watchdog-mux[812]: client watchdog expired - disable watchdog updates", "expired"),
        ("watchdog-mux[812]: Client watchdog expired - disable watchdog updates", "expired"),
        ("kernel: watchdog: watchdog0: watchdog did not stop!", "not-stopped"),
        ("kernel: softdog: Initiating system reboot", "expired"),
        ("kernel: iTCO_wdt iTCO_wdt: initialized. heartbeat=30 sec (nowayout=0)", "armed"),
        ("kernel: softdog: initialized. soft_noboot=0 soft_margin=60 sec soft_panic=0 (nowayout=0)", "armed"),
        ("pve-ha-lrm[2201]: lost lock 'ha_agent_node7_lock - cfs lock update failed - Permission denied", "self-fence"),
        ("pve-ha-crm[2100]: node 'node8': state changed from 'unknown' => 'fence'", "fenced"),
        ("pacemaker-fenced[99]: notice: Operation 'reboot' targeting node8 by node7 for pacemaker-controld.1: OK", "fenced"),
        ("pacemaker-schedulerd[9]: warning: Cluster node node8 will be fenced: peer is no longer part of the cluster", "fencing"),
        ("corosync[77]: [QUORUM] This node is within the non-primary component and will NOT provide any service.", "quorum-lost"),
    ],
)  # fmt: skip
def test_watchdogs_and_fencing(line: str, kind: str) -> None:
    assert the_event(FenceEvent, HEAD + line + "\n").kind == kind


def test_a_fenced_node_and_a_timeout_are_named() -> None:
    fenced = the_event(
        FenceEvent, HEAD + "pve-ha-crm[2100]: node 'node8': state changed from 'unknown' => 'fence'\n"
    )
    armed = the_event(
        FenceEvent, HEAD + "kernel: iTCO_wdt iTCO_wdt: initialized. heartbeat=30 sec (nowayout=0)\n"
    )

    assert fenced.target == "node8"
    assert (armed.timeout_s, armed.agent) == (30, "iTCO_wdt")


@pytest.mark.parametrize(
    ("line", "kind", "vmid"),
    [
        ("INFO: Starting Backup of VM 101 (qemu)", "began", 101),
        ("INFO: Finished Backup of VM 101 (00:10:02)", "finished", 101),
        ("ERROR: Backup of VM 101 failed - got timeout", "failed", 101),
        (HEAD + "qemu-ga[77]: info: guest-fsfreeze-freeze called", "frozen", None),
        (
            HEAD + "pvedaemon[9]: VM 101 qga command 'guest-fsfreeze-freeze' failed - got timeout",
            "freeze-failed",
            101,
        ),
    ],
)
def test_backups_and_freezing(line: str, kind: str, vmid: int | None) -> None:
    event = the_event(BackupEvent, line + "\n")

    assert (event.kind, event.vmid) == (kind, vmid)


@pytest.mark.parametrize("line", ["sysrq: Manual OOM execution", "SysRq : Manual OOM execution"])
def test_magic_keys(line: str) -> None:
    assert the_event(SysRq, dmesg(line)).action == "Manual OOM execution"
