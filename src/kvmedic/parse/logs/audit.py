"""libvirt's records in the audit log: domains started and stopped, their memory changed, the daemon stopped.

Forms: libvirt's src/conf/domain_audit.c (``virt=kvm op=stop reason=destroyed vm="NAME" uuid=… vm-pid=…``,
``virt=kvm resrc=mem reason=update vm="NAME" uuid=… old-mem=KIB new-mem=KIB``), systemd's SERVICE_START and
SERVICE_STOP. They stand in audit.log, in the journal and, without auditd, in the kernel's log. Container
runtimes write VIRT_CONTROL too, without ``virt=``.
"""

from __future__ import annotations

import re
from typing import Literal

from kvmedic.model.log_event import Activity, BalloonEvent, LibvirtEvent, LogEvent, QemuEvent
from kvmedic.parse.logs.envelope import LogLine
from kvmedic.parse.logs.numbers import kib, whole
from kvmedic.parse.logs.report import Context

_NAME = r"vm=(\"[^\"]{1,255}\"|[^\s\"]{1,510})"
_CONTROL = re.compile(rf"virt=(?:kvm|qemu) op=(start|stop) reason=([\w-]{{1,40}}) {_NAME}(.{{0,600}})")
_MEMORY = re.compile(rf"virt=(?:kvm|qemu) resrc=mem reason=update {_NAME}(.{{0,600}})")
_SERVICE = re.compile(
    r"(?:SERVICE_(START|STOP)|type=113([01])) .{0,200}?unit=(libvirtd|virt[a-z]{1,16}d)[ .](.{0,300})"
)
_PID = re.compile(r"\bvm-pid=(-?\d{1,10})\b")
_OLD, _NEW = re.compile(r"\bold-mem=(\d{1,15})\b"), re.compile(r"\bnew-mem=(\d{1,15})\b")
_FAILED = re.compile(r"\bres=(?:failed|0)\b")


def read_audit(context: Context, line: LogLine) -> LogEvent | None:
    """What an audit record of libvirt or of its daemon tells; None for other lines."""
    return _control(context, line) or _memory(context, line) or _service(context, line)


def _control(context: Context, line: LogLine) -> QemuEvent | None:
    match = _CONTROL.search(line.message)
    if match is None:
        return None
    operation, reason, name, rest = match.groups()
    pid = _number(_PID, rest)
    kind: Literal["started", "stopped", "start-failed"] = "started" if operation == "start" else "stopped"
    if operation == "start" and _FAILED.search(rest):
        kind = "start-failed"
    return qemu_event(
        context,
        line,
        kind,
        domain=_plain(name),
        pid=pid if pid is None or pid > 0 else None,
        reason="crashed" if kind == "stopped" and reason == "failed" else reason,
        sender=None,
    )


def qemu_event(
    context: Context,
    line: LogLine,
    kind: Literal["started", "stopped", "start-failed"],
    *,
    domain: str,
    pid: int | None,
    reason: str,
    sender: str | None,
) -> QemuEvent:
    """A start, an end or a failed start as a manager's record tells it."""
    return QemuEvent(
        at=context.at(line),
        host=line.host,
        lines=context.proof(line),
        kind=kind,
        domain=domain,
        pid=pid,
        comm=None,
        reason=reason,
        signal=None,
        sender_pid=None,
        sender=sender,
        failure="other" if kind == "start-failed" else None,
        errno=None,
        detail=line.message[:500],
    )


def _memory(context: Context, line: LogLine) -> BalloonEvent | None:
    """A guest's memory was set while it ran; a start or a refusal changes nothing."""
    match = _MEMORY.search(line.message)
    if match is None or _FAILED.search(match[2]):
        return None
    old, new = _OLD.search(match[2]), _NEW.search(match[2])
    if old is None or new is None or old[1] == new[1]:
        return None
    return BalloonEvent(
        at=context.at(line),
        host=line.host,
        lines=context.proof(line),
        kind="target-set",
        daemon="libvirt",
        domain=_plain(match[1]),
        vmid=None,
        from_bytes=kib(old[1]),
        to_bytes=kib(new[1]),
        detail=line.message[:300],
    )


def _service(context: Context, line: LogLine) -> LogEvent | None:
    match = _SERVICE.search(line.message)
    if match is None:
        return None
    is_start = match[1] == "START" or match[2] == "0"
    if _FAILED.search(match[4]):
        return LibvirtEvent(
            at=context.at(line),
            host=line.host,
            lines=context.proof(line),
            kind="service-failed",
            domain=None,
            holder=f"{match[3]} could not start" if is_start else f"{match[3]} stopped with a failure",
            detail=line.message[:500],
        )
    return Activity(
        at=context.at(line),
        host=line.host,
        lines=context.proof(line),
        kind="service",
        stage="began" if is_start else "ended",
        name=match[3],
        user=None,
        domain=None,
        detail=line.message[:300],
    )


def _number(pattern: re.Pattern[str], text: str) -> int | None:
    match = pattern.search(text)
    return None if match is None else whole(match[1])


def _plain(name: str) -> str:
    """A name as audit writes it: quoted, or in hexadecimal where it holds blanks or controls."""
    if name.startswith('"'):
        return name[1:-1]
    try:
        decoded = bytes.fromhex(name).decode("utf-8")
    except ValueError:
        return name
    is_encoded = any(not "!" <= character <= "~" or character == '"' for character in decoded)
    return decoded if is_encoded else name
