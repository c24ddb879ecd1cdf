"""Which logs are a guest's own: virtual hardware, and no trace of virtual machines that this kernel runs
itself.

A nested hypervisor has a virtual machine's hardware and QEMU processes: it is a host.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from kvmedic.model.gap import Missing
from kvmedic.model.log_event import BalloonEvent, LibvirtEvent, LogEvent, LogReading, OomReport, QemuEvent
from kvmedic.model.snapshot import Snapshot
from kvmedic.parse.host_marks import HostMarks
from kvmedic.parse.logs.task_table import is_qemu_comm

VIRTUAL_MAKES = (
    "QEMU",
    "KVM",
    "Bochs",
    "OpenStack",
    "oVirt",
    "RHEV",
    "VMware",
    "VirtualBox",
    "Xen",
    "HVM domU",
    "Standard PC",
    "KubeVirt",
    "OpenNebula",
    "CloudStack",
    "AHV",
    "Microsoft Corporation Virtual Machine",
    "Google Compute Engine",
    "Alibaba Cloud",
    "Amazon EC2",
    "DigitalOcean",
    "vServer",
    "Linode",
    "Akamai",
    "Parallels",
    "bhyve",
    "BHYVE",
)
BARE_METAL = re.compile(r"Amazon EC2 \S{1,32}\.metal|Alibaba Cloud \S{0,16}ebm")
"""Clouds rent whole machines, too."""
_OF_THE_HOST = (
    *("var/log/", "sys/fs/pstore/", "var/lib/systemd/", "var/crash/", "sos_commands/"),
    *("dev/kmsg", "journal"),
)
"""Where a host keeps its own logs; a guest's console lies elsewhere."""


def find_guest_logs(
    readings: Sequence[LogReading], marks: Sequence[HostMarks], snapshot: Snapshot
) -> frozenset[str]:
    """The names of the logs that are a guest's own. ``marks`` are those of the readings, in their order."""
    has_guests = not isinstance(snapshot.domains, Missing) and bool(snapshot.domains)
    runs = [_runs_virtual_machines(reading, mark) for reading, mark in zip(readings, marks, strict=True)]
    is_hypervisor = has_guests or any(runs)
    return frozenset(
        reading.source
        for reading, runs_machines in zip(readings, runs, strict=True)
        if not runs_machines
        and not (is_hypervisor and reading.source.startswith(_OF_THE_HOST))
        and _is_on_virtual_hardware(reading)
    )


def _is_on_virtual_hardware(reading: LogReading) -> bool:
    if any(isinstance(event, BalloonEvent) and event.kind == "out-of-puff" for event in reading.events):
        return True
    names = [getattr(event, "hardware_name", None) for event in reading.events]
    names += [boot.hardware_name for boot in reading.boots]
    return any(_is_virtual(name) for name in names if name is not None)


def _is_virtual(hardware_name: str) -> bool:
    """Whether DMI's maker and product are those of a virtual machine."""
    return any(make in hardware_name for make in VIRTUAL_MAKES) and not BARE_METAL.search(hardware_name)


def _runs_virtual_machines(reading: LogReading, mark: HostMarks) -> bool:
    if mark.has_strong or any(_shows_virtual_machines(event) for event in reading.events):
        return True
    return mark.has_weak and not any(_shows_none(event) for event in reading.events)


def _shows_virtual_machines(event: LogEvent) -> bool:
    if isinstance(event, QemuEvent | LibvirtEvent):
        return True
    if isinstance(event, OomReport) and event.qemu_tasks_total:
        return True
    tasks = (getattr(event, "task", None), getattr(event, "requester", None))
    return any(task is not None and task.comm is not None and is_qemu_comm(task.comm) for task in tasks)


def _shows_none(event: LogEvent) -> bool:
    """A task table without a hypervisor's process: KVM's module alone makes no host."""
    return isinstance(event, OomReport) and bool(event.tasks) and not event.qemu_tasks_total
