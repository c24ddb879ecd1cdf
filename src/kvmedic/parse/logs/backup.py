"""Backup jobs and the freezing of guests' file systems for them (Proxmox vzdump, qemu-guest-agent)."""

from __future__ import annotations

import re
from typing import Final, Literal

from kvmedic.model.log_event import BackupEvent
from kvmedic.parse.logs.envelope import LogLine
from kvmedic.parse.logs.numbers import whole
from kvmedic.parse.logs.report import Context

Kind = Literal["began", "finished", "failed", "frozen", "thawed", "freeze-failed", "other"]
_KINDS: Final[tuple[tuple[Kind, re.Pattern[str]], ...]] = (
    (
        "freeze-failed",
        re.compile(
            r"(?:fsfreeze|fs-freeze|freeze|thaw).{0,60}(?:fail|timeout|error"
            r"|got wrong|unable)",
            re.IGNORECASE,
        ),
    ),
    ("thawed", re.compile(r"fsfreeze-thaw|fs-thaw|guest-fsfreeze-thaw")),
    ("frozen", re.compile(r"fsfreeze-freeze|fs-freeze|guest-fsfreeze-freeze")),
    (
        "failed",
        re.compile(
            r"[Bb]ackup of VM (?P<vm>\d{1,9}) failed|backup job (?:failed"
            r"|finished with errors)|vzdump.{0,80}(?:fail|error|aborted)",
            re.IGNORECASE,
        ),
    ),
    (
        "finished",
        re.compile(
            r"[Ff]inished [Bb]ackup|[Bb]ackup job finished|vzdump.{0,80}OK"
            r"|end task UPID:\S{1,80}vzdump\S{0,80}: OK"
        ),
    ),
    (
        "began",
        re.compile(
            r"starting (?:new )?[Bb]ackup|Starting Backup of VM (?P<vm>\d{1,9})"
            r"|start(?:ing)? task UPID:\S{1,80}vzdump"
        ),
    ),
)
_VM = re.compile(r"(?:VM |vzdump:)(\d{1,9})\b")


def read_backup(context: Context, line: LogLine) -> BackupEvent | None:
    """What this line tells of a backup; None for other lines."""
    for kind, pattern in _KINDS:
        match = pattern.search(line.message)
        if match is not None:
            vm = _VM.search(line.message)
            return BackupEvent(
                at=context.at(line),
                host=line.host,
                lines=context.proof(line),
                kind=kind,
                vmid=whole(match.groupdict().get("vm") or (vm[1] if vm else None)),
                domain=None,
                detail=line.message[:300],
            )
    return None
