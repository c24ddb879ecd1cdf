"""Daemons that kill before the kernel does: systemd-oomd, earlyoom, Facebook's oomd, nohang."""

from __future__ import annotations

import re
from typing import Final, Literal

from kvmedic.model.log_event import UserspaceOomEvent
from kvmedic.model.memory_report import Task
from kvmedic.parse.logs.envelope import LogLine
from kvmedic.parse.logs.numbers import size_bytes, whole
from kvmedic.parse.logs.report import Context

Daemon = Literal["systemd-oomd", "earlyoom", "oomd", "nohang"]
_DAEMONS: Final[tuple[Daemon, ...]] = ("systemd-oomd", "earlyoom", "nohang", "oomd")
_SYSTEMD_KILL = re.compile(
    r"(?:Killed|Marked) (/\S{1,1024}) (?:for killing )?due to (memory pressure|memory used|swap used)?"
)
_SYSTEMD_UNIT = re.compile(
    r"systemd-oomd killed (?:some process\(es\) in this unit|\d+ process\(es\) in this unit)"
)
_PRESSURE = re.compile(
    r"(\d{1,3}(?:\.\d+)?)% (?:> |.{0,30}more than |and .{0,30}more than )(\d{1,3}(?:\.\d+)?)%"
)
_EARLY = re.compile(
    r"(?:sending SIG(?:TERM|KILL) to process|[Kk]illing process) (\d{1,10})(?: uid \d+)? \"?([^\":]{1,64})\"?"
)
_NOHANG = re.compile(
    r"(?:Sending SIG\w+ to the victim|victim).{0,40}?(?:PID"
    r"|pid)[: ]+(\d{1,10})(?:.{0,20}?(?:Name|name|comm)[: ]+(\S{1,64}))?"
)
_OOMD = re.compile(r"oomd_kill|oomd kill: .{0,400}|Trying to kill (/?\S{1,512})")
_FORWARDED = re.compile(r"(systemd-oomd|earlyoom|nohang|oomd)(?:\[\d{1,10}\])?: ")
"""What a daemon writes to /dev/kmsg, or journald forwards there, stands among the kernel's own lines."""
_RSS = re.compile(r"(?:VmRSS|rss)[: ]*(\d+ ?[kKMG]i?B)", re.IGNORECASE)


def read_userspace_oom(context: Context, line: LogLine) -> UserspaceOomEvent | None:
    """What such a daemon (or systemd about it) says in this line; None for other lines."""
    daemon = _daemon(line)
    if daemon is None or line.message.startswith(("Starting ", "Started ", "Stopp", "Listening ")):
        return None
    cgroup, task, is_kill = _victim(line.message, line.identifier)
    pressure = _PRESSURE.search(line.message)
    rss = _RSS.search(line.message)
    if not is_kill and "emory" not in line.message and "pressure" not in line.message:
        return None
    return UserspaceOomEvent(
        at=context.at(line),
        host=line.host,
        lines=context.proof(line),
        daemon=daemon,
        kind="killed" if is_kill else "warning",
        cgroup=cgroup,
        task=task,
        rss_bytes=size_bytes(rss[1]) if rss else None,
        pressure_percent=float(pressure[1]) if pressure else None,
        limit_percent=float(pressure[2]) if pressure else None,
        is_for_swap=("swap used" in line.message) if daemon == "systemd-oomd" and is_kill else None,
        detail=line.message[:500],
    )


def _daemon(line: LogLine) -> Daemon | None:
    forwarded = _FORWARDED.match(line.message) if line.is_kernel else None
    place = forwarded[1] if forwarded is not None else line.identifier or line.message[:64]
    for daemon in _DAEMONS:
        if daemon in place:
            return daemon
    return "systemd-oomd" if _SYSTEMD_UNIT.search(line.message) else None


def _victim(message: str, identifier: str | None) -> tuple[str | None, Task | None, bool]:
    """Cgroup, task, and whether a kill is told."""
    kill = _SYSTEMD_KILL.search(message)
    if kill is not None:
        return kill[1], None, "Marked" not in kill[0]
    if identifier == "systemd" and _SYSTEMD_UNIT.search(message):
        return message.split(": ", maxsplit=1)[0][:255], None, True
    early = _EARLY.search(message)
    if early is not None:
        return None, Task(comm=early[2], pid=whole(early[1]), cpu=None), True
    nohang = _NOHANG.search(message)
    if nohang is not None:
        return None, Task(comm=nohang[2], pid=whole(nohang[1]), cpu=None), True
    oomd = _OOMD.search(message)
    return (oomd[1] if oomd else None), None, oomd is not None
