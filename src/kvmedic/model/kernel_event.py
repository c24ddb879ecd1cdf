"""Nouns of what the kernel reports beside memory: hung tasks, lockups, faults, hardware, storage."""

from __future__ import annotations

from typing import Literal

from kvmedic.model.log_line import Event
from kvmedic.model.memory_report import Task


class HungTask(Event, frozen=True, kw_only=True, tag="hung-task"):
    """A task sat in uninterruptible sleep (kernel/hung_task.c); ``blocker`` holds the lock (since 6.15)."""

    task: Task
    blocked_s: int
    blocker: Task | None
    call_trace: tuple[str, ...]
    kernel_release: str | None


class Lockup(Event, frozen=True, kw_only=True, tag="lockup"):
    """A CPU did not schedule (soft), took no interrupts (hard), or RCU waited for it (rcu).

    ``is_in_user_mode``: the CPU was in user space, as the code segment of its instruction pointer says.
    """

    kind: Literal["soft", "hard", "rcu"]
    task: Task
    cpus: tuple[int, ...]
    stuck_s: int | None
    hardware_name: str | None
    kernel_release: str | None
    instruction: str | None
    is_in_user_mode: bool
    call_trace: tuple[str, ...]


class KernelFault(Event, frozen=True, kw_only=True, tag="kernel-fault"):
    """A panic, BUG, oops, general protection fault or warning. Only ``panic`` means the host stopped.

    ``reason`` is the text after the mark. ``set_off_by`` says what made a panic: ``oom`` (panic_on_oom),
    ``no-killable-task``, ``hung-task``, ``soft-lockup``, ``hard-lockup``, ``rcu-stall``, ``warning``,
    ``machine-check``, ``nmi``, ``sysrq``, ``oops``, ``init-died``, ``watchdog``, ``mount``, ``other``.
    """

    kind: Literal["panic", "bug", "oops", "gpf", "warning"]
    reason: str
    set_off_by: str | None
    task: Task
    instruction: str | None
    hardware_name: str | None
    kernel_release: str | None
    is_tainted: bool | None
    call_trace: tuple[str, ...]
    is_from_pstore: bool


class HardwareError(Event, frozen=True, kw_only=True, tag="hardware-error"):
    """An error that hardware or its firmware reported. ``count`` is the number this line stands for.

    ``severity`` corrected is not a failure by itself. ``killed`` is the task that hwpoison killed.
    """

    source: Literal["edac", "mce", "ghes", "hwpoison", "rasdaemon", "aer", "mcelog", "sel"]
    severity: Literal["corrected", "uncorrected", "fatal", "unknown"]
    component: Literal["memory", "cpu", "pcie", "other"]
    count: int
    location: str | None
    address: int | None
    mce_status: int | None
    cpu: int | None
    killed: Task | None
    outcome: str | None


class StorageError(Event, frozen=True, kw_only=True, tag="storage-error"):
    """Storage failed, stalled, or is full. ``device`` as the line names it; NFS gives the server.

    ``nfs-answers`` is the end of a stall: the server answers again.
    """

    kind: Literal[
        "block-io",
        "filesystem-error",
        "filesystem-shutdown",
        "remounted-read-only",
        "delayed-write-lost",
        "nfs-not-responding",
        "nfs-answers",
        "no-space",
        "path-failed",
        "all-paths-failed",
        "device-offline",
        "command-timeout",
        "pool-suspended",
    ]
    device: str | None
    domain: str | None
    identifier: str | None
    operation: str | None
    detail: str
