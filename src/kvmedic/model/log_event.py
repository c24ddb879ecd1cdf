"""Nouns of what logs report: one record per kind of event, their union ``LogEvent``, and what reading gave.

Reports about memory are in ``model.memory_report``, other kernel reports in ``model.kernel_event``, lines
and moments in ``model.log_line``; all are offered here too, so that rules need one import. ``domain`` is a
libvirt name only where the line itself names it; threads, PIDs and cgroups are joined to names in
``derive.naming``.
"""

from __future__ import annotations

from typing import Literal

from kvmedic.model.host_history import Activity, HostSample
from kvmedic.model.kernel_event import HardwareError, HungTask, KernelFault, Lockup, StorageError
from kvmedic.model.log_line import Event, LineRef, LogKind, Moment
from kvmedic.model.memory_report import (
    FreeBlocks,
    GfpMask,
    HugepagesReport,
    MemcgReport,
    MemInfoReport,
    NodeReport,
    OomReport,
    PageAllocationFailure,
    SlubFailure,
    Task,
    TaskRow,
    Victim,
    ZoneReport,
)
from kvmedic.model.record import Record

__all__ = [
    "Activity",
    "BackupEvent",
    "BalloonEvent",
    "Boot",
    "BootStarted",
    "Event",
    "FenceEvent",
    "FreeBlocks",
    "GfpMask",
    "HardwareError",
    "HostSample",
    "HugepagesReport",
    "HungTask",
    "KernelFault",
    "LibvirtEvent",
    "LimitHit",
    "LineRef",
    "Lockup",
    "LogEvent",
    "LogKind",
    "LogReading",
    "MemInfoReport",
    "MemcgReport",
    "Moment",
    "NodeReport",
    "OomReport",
    "PageAllocationFailure",
    "QemuEvent",
    "Shutdown",
    "SlubFailure",
    "StorageError",
    "SysRq",
    "Task",
    "TaskRow",
    "Throttled",
    "UserspaceOomEvent",
    "Victim",
    "ZoneReport",
]


class QemuEvent(Event, frozen=True, kw_only=True, tag="qemu"):
    """What QEMU, libvirt's per-domain log or the kernel says of one QEMU process.

    ``started`` and ``stopped`` frame a run (``reason``: shutdown, destroyed, crashed, migrated, failed, …).
    ``signalled`` has the signal and who sent it. ``start-failed`` has ``failure``: ``kvm-create-vm``,
    ``kvm-create-vcpu``, ``backing-store``, ``hugepages``, ``guest-memory``, ``kvm-init``, ``other``.
    ``paused-io-error`` is a guest stopped on a disk error (``errno`` 28 is a full disk). ``sender`` is who
    sent the signal, or who asked a manager for the start or the stop.
    """

    kind: Literal[
        "started",
        "stopped",
        "signalled",
        "start-failed",
        "assertion",
        "segfault",
        "kvm-internal-error",
        "paused-io-error",
        "vcpu-error",
    ]
    domain: str | None
    pid: int | None
    comm: str | None
    reason: str | None
    signal: int | None
    sender_pid: int | None
    sender: str | None
    failure: str | None
    errno: int | None
    detail: str


class LibvirtEvent(Event, frozen=True, kw_only=True, tag="libvirt"):
    """libvirt's daemon about a domain or about itself."""

    kind: Literal[
        "state-lock-timeout",
        "monitor-lost",
        "monitor-unresponsive",
        "qemu-exited",
        "keepalive-timeout",
        "clients-limit",
        "service-failed",
    ]
    domain: str | None
    holder: str | None
    detail: str


class UserspaceOomEvent(Event, frozen=True, kw_only=True, tag="userspace-oom"):
    """A daemon that kills before the kernel does; ``killed`` or only a ``warning`` or its ``start``."""

    daemon: Literal["systemd-oomd", "earlyoom", "oomd", "nohang"]
    kind: Literal["killed", "warning", "started"]
    cgroup: str | None
    task: Task | None
    rss_bytes: int | None
    pressure_percent: float | None
    limit_percent: float | None
    is_for_swap: bool | None
    detail: str


class BalloonEvent(Event, frozen=True, kw_only=True, tag="balloon"):
    """A balloon moved, or the guest's driver could not fill it (``out-of-puff``: a guest's own log)."""

    kind: Literal["out-of-puff", "target-set", "ballooner-error", "backing-page-warning", "other"]
    daemon: str | None
    domain: str | None
    vmid: int | None
    from_bytes: int | None
    to_bytes: int | None
    detail: str


class Throttled(Event, frozen=True, kw_only=True, tag="throttled"):
    """The kernel slowed a task on purpose: split-lock traps (``split-lock``) or ``memory.high``."""

    kind: Literal["split-lock", "memory-high"]
    task: Task
    suppressed: int | None
    detail: str


class FenceEvent(Event, frozen=True, kw_only=True, tag="fence"):
    """Watchdogs and fencing. ``armed`` is normal life; ``expired`` and ``fenced`` reset a host."""

    kind: Literal["armed", "not-stopped", "expired", "fencing", "fenced", "quorum-lost", "self-fence"]
    agent: str | None
    target: str | None
    timeout_s: int | None
    detail: str


class LimitHit(Event, frozen=True, kw_only=True, tag="limit"):
    """A limit that is not RAM: open files, aio contexts, processes of a cgroup, mappings, locked memory."""

    kind: Literal["open-files", "aio", "pids", "map-count", "memlock", "vfio-dma", "conntrack", "again"]
    identifier: str | None
    pid: int | None
    cgroup: str | None
    domain: str | None
    detail: str


class BootStarted(Event, frozen=True, kw_only=True, tag="boot"):
    """A boot began in this log; fields from the first lines of the kernel."""

    boot_id: str | None
    kernel_release: str | None
    hardware_name: str | None
    command_line: str | None
    hypervisor: str | None


class Shutdown(Event, frozen=True, kw_only=True, tag="shutdown"):
    """Somebody or something stopped the system in order, or began to."""

    kind: Literal["reboot", "power-off", "halt", "stopping", "power-key", "journal-stopped", "syslog-stopped"]
    detail: str


class SysRq(Event, frozen=True, kw_only=True, tag="sysrq"):
    """A magic key: ``action`` is the kernel's text (``Manual OOM execution``, ``Trigger a crash``, …)."""

    action: str


class BackupEvent(Event, frozen=True, kw_only=True, tag="backup"):
    """A backup job and the freezing of guests' file systems for it."""

    kind: Literal["began", "finished", "failed", "frozen", "thawed", "freeze-failed", "other"]
    vmid: int | None
    domain: str | None
    detail: str


LogEvent = (
    OomReport
    | PageAllocationFailure
    | SlubFailure
    | HungTask
    | Lockup
    | KernelFault
    | HardwareError
    | StorageError
    | QemuEvent
    | LibvirtEvent
    | UserspaceOomEvent
    | BalloonEvent
    | Throttled
    | FenceEvent
    | LimitHit
    | BootStarted
    | Shutdown
    | SysRq
    | BackupEvent
    | Activity
)


class Boot(Record, frozen=True, kw_only=True):
    """One boot within a source. ``has_shutdown``: an orderly end was written; ``is_last``: none follows.

    A boot that is not the last and has neither shutdown nor panic ended without a trace.
    """

    index: int
    boot_id: str | None
    kernel_release: str | None
    hardware_name: str | None
    command_line: str | None
    first: Moment | None
    last: Moment | None
    last_line: LineRef | None
    has_shutdown: bool
    has_panic: bool
    is_last: bool


class LogReading(Record, frozen=True, kw_only=True):
    """All that was read from one log. ``counts`` are events per tag, also of those no longer kept.

    ``events`` are in the order of the log; of a kind that repeats without end the first and the last are
    kept. ``lines_cut`` were longer than what is kept of a line. ``wall_offset_s`` is wall minus monotonic
    time of the last boot where one line carries both. ``samples`` are measurements, where the log is
    sysstat's.
    """

    source: str
    kind: LogKind
    events: tuple[LogEvent, ...]
    samples: tuple[HostSample, ...]
    counts: dict[str, int]
    events_not_kept: int
    boots: tuple[Boot, ...]
    first: Moment | None
    last: Moment | None
    lines_total: int
    bytes_total: int
    lines_cut: int
    wall_offset_s: float | None
