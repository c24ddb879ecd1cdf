"""Proxmox VE's tasks: the lines of its daemons in syslog, and its own task list with how each ended.

A task is named by its UPID, ``UPID:NODE:PID:PSTART:START:TYPE:ID:USER:``, numbers in hexadecimal, START in
seconds since 1970. /var/log/pve/tasks/index holds one line for each that ended: UPID, end, status ("OK",
"WARNINGS: n", or the error); ``active`` holds those that run, with a 0 or 1 behind the UPID.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final, Literal

from msgspec import structs

from kvmedic.model.log_event import Activity, BackupEvent, LineRef, LogEvent, LogReading, Moment, QemuEvent
from kvmedic.model.record import Record
from kvmedic.parse.logs.audit import qemu_event
from kvmedic.parse.logs.envelope import LogLine
from kvmedic.parse.logs.numbers import hexadecimal, whole
from kvmedic.parse.logs.report import KEPT_LINE_CHARACTERS, Context

_HEX = r"[0-9A-Fa-f]{1,16}"
_UPID = re.compile(
    rf"UPID:[^:\s]{{1,64}}:{_HEX}:{_HEX}:({_HEX}):([^:\s]{{1,64}}):([^:\s]{{0,128}}):([^:\s]{{0,128}}):"
)
_LISTED = re.compile(r"(?: [01])?(?: ([0-9A-Fa-f]{8})(?: (\S.{0,500}))?)?\s*")
_LOGGED = re.compile(r"(starting|start|end) task $")
_STARTS: Final = {"qmstart": "started", "qmreset": "started", "qmreboot": "started"}
_STOPS: Final = frozenset({"qmstop", "qmshutdown", "qmsuspend", "hastop"})
_CONSOLES: Final = frozenset({"vncproxy", "vncshell", "termproxy", "spiceproxy", "spiceshell"})
"""Somebody looked at a screen: nothing happened to a guest."""
MOST_EVENTS: Final = 2000
_LONGEST_LINE: Final = 2048


class Task(Record, frozen=True, kw_only=True):
    """One task. ``ended_s`` and ``status`` are None while it runs, or where its line is cut."""

    kind: str
    subject: str
    user: str
    began_s: float
    ended_s: float | None
    status: str | None

    @property
    def domain(self) -> str | None:
        """The guest's id, where the task is about one guest."""
        return self.subject if self.subject.isascii() and self.subject.isdecimal() else None

    @property
    def is_failed(self) -> bool:
        """It ended, and neither well nor with warnings only."""
        return self.status is not None and not self.status.startswith(("OK", "WARNINGS"))


def is_task_list(head: bytes) -> bool:
    """Whether a log begins like Proxmox' list of tasks."""
    return re.match(rb"\s*UPID:[^:\s]{1,64}:[0-9A-Fa-f]{1,16}:", head) is not None


def read_task_list(source: str, blocks: Iterable[bytes]) -> LogReading:
    """All that a list of tasks tells, in time order; of a very long one the latest lines.

    Its bytes are counted by the caller.
    """
    events: deque[LogEvent] = deque(maxlen=MOST_EVENTS)
    total, told = 0, 0
    for block in blocks:
        for raw in block.splitlines():
            total += 1
            text = raw[:_LONGEST_LINE].decode("utf-8", "backslashreplace").strip()
            task = _listed(text)
            if task is not None:
                line = LineRef(source=source, line_number=total, text=text[:KEPT_LINE_CHARACTERS])
                ours = list(_told(task, line))
                told += len(ours)
                events.extend(ours)
    ordered = tuple(sorted(events, key=lambda event: event.at.wall_s or 0.0))
    counts: dict[str, int] = {}
    for event in ordered:
        tag = str(event.__struct_config__.tag)
        counts[tag] = counts.get(tag, 0) + 1
    return LogReading(
        source=source,
        kind="pve-tasks",
        events=ordered,
        samples=(),
        counts=counts,
        events_not_kept=told - len(ordered),
        boots=(),
        first=ordered[0].at if ordered else None,
        last=ordered[-1].at if ordered else None,
        lines_total=total,
        bytes_total=0,
        lines_cut=0,
        wall_offset_s=None,
    )


def read_task_line(context: Context, line: LogLine) -> LogEvent | None:
    """What a daemon's line about a task tells; backups have a parser of their own."""
    match = _UPID.search(line.message)
    if match is None:
        return None
    kind, subject, user = match[2], match[3], match[4]
    verb = _LOGGED.search(line.message[: match.start()])
    if verb is None or kind in _CONSOLES or kind == "vzdump":
        return None
    status = line.message[match.end() :].strip()[:500] or None
    task = Task(kind=kind, subject=subject, user=user, began_s=0.0, ended_s=0.0, status=status)
    if verb[1] != "end":
        return _beginning(context, line, task)
    if not task.is_failed:
        return None
    if kind == "qmstart" and task.domain is not None:
        reason = status or "failed"
        return qemu_event(
            context, line, "start-failed", domain=task.domain, pid=None, reason=reason, sender=user or None
        )
    return _activity(task, "failed", context.at(line), context.ref(line))


def _beginning(context: Context, line: LogLine, task: Task) -> LogEvent:
    if task.domain is None or not (task.kind in _STARTS or task.kind in _STOPS):
        return _activity(task, "began", context.at(line), context.ref(line))
    return qemu_event(
        context,
        line,
        "started" if task.kind in _STARTS else "stopped",
        domain=task.domain,
        pid=None,
        reason=task.kind,
        sender=task.user or None,
    )


def _listed(text: str) -> Task | None:
    match = _UPID.match(text)
    rest = None if match is None else _LISTED.fullmatch(text, match.end())
    began = None if match is None else hexadecimal(match[1])
    if match is None or rest is None or began is None or match[2] in _CONSOLES or began >= 1 << 33:
        return None
    ended = hexadecimal(rest[1])
    return Task(
        kind=match[2],
        subject=match[3],
        user=match[4],
        began_s=float(began),
        ended_s=None if ended is None else float(ended),
        status=rest[2],
    )


def _told(task: Task, line: LineRef) -> Iterator[LogEvent]:
    """One or two events: the beginning, and the end where there is one that tells something.

    The end has a source of its own name: one line proves two moments.
    """
    began = _moment(task.began_s)
    ended = None if task.ended_s is None else _moment(task.ended_s)
    end = structs.replace(line, source=f"{line.source} (end)")
    if task.kind == "vzdump":
        yield _backup(task, "began", began, line)
        if ended is not None:
            yield _backup(task, "failed" if task.is_failed else "finished", ended, end)
    elif task.domain is not None and (task.kind in _STARTS or task.kind in _STOPS):
        yield from _of_guest(task, began, ended, line)
    else:
        yield _activity(task, "began", began, line)
        if ended is not None:
            yield _activity(task, "failed" if task.is_failed else "ended", ended, end)
            if task.kind == "qmigrate" and task.domain is not None and not task.is_failed:
                yield _qemu(task, "stopped", "migrated", ended, end)


def _of_guest(task: Task, began: Moment, ended: Moment | None, line: LineRef) -> Iterator[LogEvent]:
    """A start or a stop when it began; one that failed is told when it failed."""
    is_start = task.kind in _STARTS
    if not task.is_failed:
        yield _qemu(task, "started" if is_start else "stopped", task.kind, began, line)
    elif task.kind == "qmstart":
        yield _qemu(task, "start-failed", task.status or "failed", ended or began, line)
    else:
        yield _activity(task, "failed", ended or began, line)


def _moment(at_s: float) -> Moment:
    return Moment(
        monotonic_s=None, wall_s=at_s, is_zone_known=True, is_year_known=True, uncertainty_s=1.0, boot=0
    )


def _qemu(
    task: Task, kind: Literal["started", "stopped", "start-failed"], reason: str, at: Moment, line: LineRef
) -> QemuEvent:
    return QemuEvent(
        at=at,
        host=None,
        lines=(line,),
        kind=kind,
        domain=task.domain,
        pid=None,
        comm=None,
        reason=reason,
        signal=None,
        sender_pid=None,
        sender=task.user or None,
        failure="other" if kind == "start-failed" else None,
        errno=None,
        detail=line.text[:500],
    )


def _backup(
    task: Task, kind: Literal["began", "finished", "failed"], at: Moment, line: LineRef
) -> BackupEvent:
    return BackupEvent(
        at=at,
        host=None,
        lines=(line,),
        kind=kind,
        vmid=whole(task.domain),
        domain=None,
        detail=task.status or line.text[:300],
    )


def _activity(task: Task, stage: Literal["began", "ended", "failed"], at: Moment, line: LineRef) -> Activity:
    return Activity(
        at=at,
        host=None,
        lines=(line,),
        kind="task",
        stage=stage,
        name=task.kind,
        user=task.user or None,
        domain=task.domain,
        detail=task.status or line.text[:300],
    )
