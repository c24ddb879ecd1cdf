"""Whom an event speaks of: the domain where it is known, else the process; requester and victim apart."""

from __future__ import annotations

from kvmedic.model.case import Happening
from kvmedic.model.finding import Subject
from kvmedic.model.log_event import OomReport, QemuEvent
from kvmedic.model.memory_report import Task, Victim
from kvmedic.model.subjects import HOST
from kvmedic.parse.logs.task_table import is_qemu_comm

DAEMONS = ("libvirtd", "virtqemud", "virtlogd", "virtlockd", "virtproxyd", "virt-launcher", "virt-handler")
"""Management daemons by comm; the kernel cuts names at 15 characters."""


def is_qemu(comm: str | None) -> bool:
    """Whether a command name is that of QEMU or of one of its threads."""
    return comm is not None and is_qemu_comm(comm)


def is_daemon(comm: str | None) -> bool:
    """Whether a command name is that of a daemon that manages guests."""
    return comm is not None and comm.startswith(DAEMONS)


def domain(name: str, pid: int | None = None) -> Subject:
    """A domain by its name; the PID of its QEMU tells one life of it from another."""
    return Subject(kind="domain", name=name, id=None if pid is None else f"pid {pid}")


def victim_of(report: OomReport) -> Victim | None:
    """The one that was killed; with several, QEMU before others."""
    victims = report.victims
    return next((victim for victim in victims if is_qemu(victim.comm)), victims[0] if victims else None)


def victim_subject(happening: Happening, report: OomReport) -> Subject:
    """The domain that lost its QEMU, or the process that was killed, or the host."""
    victim = victim_of(report)
    if happening.domain is not None:
        return domain(happening.domain, victim.pid if victim else None)
    if victim is None:
        return HOST
    name = victim.comm or "a process"
    return Subject(kind="daemon" if is_daemon(name) else "process", name=name, id=f"pid {victim.pid}")


def victim_words(happening: Happening, report: OomReport) -> str:
    """ "QEMU (PID 25104, web-1)" or "libvirtd (PID 80)"; "no process" where nobody was killed."""
    victim = victim_of(report)
    if victim is None:
        return "no process"
    return process_words(victim.comm, victim.pid, happening.domain)


def process_words(comm: str | None, pid: int | None, name: str | None) -> str:
    """A process for people: its name, PID and domain as far as they are known."""
    who = "QEMU" if is_qemu(comm) else comm or "a process"
    known = [f"PID {pid}" if pid is not None else None, name]
    inside = ", ".join(part for part in known if part is not None)
    return f"{who} ({inside})" if inside else who


def task_words(task: Task | None) -> str:
    """A task by its command name, as the log gives it."""
    return "a task" if task is None or task.comm is None else task.comm


def task_subject(happening: Happening, task: Task | None) -> Subject:
    """The domain if one is known, else the task, else the host."""
    if happening.domain is not None:
        return domain(happening.domain, task.pid if task and is_qemu(task.comm) else None)
    if task is None or task.comm is None:
        return HOST
    return Subject(kind="process", name=task.comm, id=None if task.pid is None else f"pid {task.pid}")


def qemu_subject(happening: Happening, event: QemuEvent) -> Subject:
    """The domain that an event of QEMU speaks of."""
    name = happening.domain or event.domain
    if name is not None:
        return domain(name, event.pid)
    return Subject(
        kind="process", name=event.comm or "qemu", id=None if event.pid is None else f"pid {event.pid}"
    )
