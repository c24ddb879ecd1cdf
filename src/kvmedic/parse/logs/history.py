"""History that a host keeps beside its logs: audit's VIRT_CONTROL, Proxmox' tasks, the BMC's event log.

Forms: libvirt's src/conf/domain_audit.c (``virt=kvm op=start reason=booted vm="NAME"``), Proxmox' UPIDs
(``UPID:NODE:PID:PSTART:START:TYPE:ID:USER:``), ``ipmitool sel list`` and ``elist``.
"""

from __future__ import annotations

import re
from typing import Final, Literal

from kvmedic.model.log_event import FenceEvent, HardwareError, LogEvent, QemuEvent
from kvmedic.parse.logs.envelope import LogLine
from kvmedic.parse.logs.numbers import whole
from kvmedic.parse.logs.report import Context

_AUDIT = re.compile(
    r"op=(start|stop) reason=([\w-]{1,40}) vm=\"([^\"]{1,255})\"(?:.{0,400}?vm-pid=(-?\d{1,10}))?"
)
_TASK = re.compile(
    r"(starting|start|end) task UPID:[^:\s]{1,64}:[0-9A-F]{1,16}:[0-9A-F]{1,16}:[0-9A-F]{1,16}:"
    r"(qm\w{1,16}):(\d{1,9}):[^:\s]{0,64}:(?: (.{1,300}))?"
)
_TASK_KINDS: Final[dict[str, Literal["started", "stopped"]]] = {
    "qmstart": "started",
    "qmstop": "stopped",
    "qmshutdown": "stopped",
    "qmreset": "started",
    "qmreboot": "started",
}
_SEL_MEMORY = re.compile(r"Memory[^|]{0,40}\| (Correctable|Uncorrectable)[^|]{0,40}")
_SEL_WATCHDOG = re.compile(
    r"Watchdog[^|]{0,40}\| (?:Hard reset|Power (?:down|cycle|off)|Timer expired)[^|]{0,40}"
)


def read_history(context: Context, line: LogLine) -> LogEvent | None:
    """The event that such a line tells; None for others (tasks that ended well began earlier)."""
    if line.identifier == "sel":
        return _sel_memory(context, line) or _sel_watchdog(context, line)
    audit = _AUDIT.search(line.message)
    if audit is not None:
        kind: Literal["started", "stopped"] = "started" if audit[1] == "start" else "stopped"
        return _qemu(context, line, kind, domain=audit[3], pid=whole(audit[4]), reason=audit[2])
    task = _TASK.search(line.message)
    if task is None or task[2] not in _TASK_KINDS:
        return None
    if task[1] != "end":
        return _qemu(context, line, _TASK_KINDS[task[2]], domain=task[3], pid=None, reason=task[2])
    if task[2] != "qmstart" or task[4] is None or task[4].strip() == "OK":
        return None
    return _qemu(context, line, "start-failed", domain=task[3], pid=None, reason=task[4].strip())


def _qemu(
    context: Context,
    line: LogLine,
    kind: Literal["started", "stopped", "start-failed"],
    *,
    domain: str,
    pid: int | None,
    reason: str,
) -> QemuEvent:
    return QemuEvent(
        at=context.at(line),
        host=line.host,
        lines=context.proof(line),
        kind=kind,
        domain=domain,
        pid=pid if pid is None or pid > 0 else None,
        comm=None,
        reason=reason,
        signal=None,
        sender_pid=None,
        sender=None,
        failure="other" if kind == "start-failed" else None,
        errno=None,
        detail=line.message[:500],
    )


def _sel_memory(context: Context, line: LogLine) -> HardwareError | None:
    match = _SEL_MEMORY.search(line.message)
    if match is None:
        return None
    return HardwareError(
        at=context.at(line),
        host=line.host,
        lines=context.proof(line),
        source="sel",
        severity="corrected" if match[1] == "Correctable" else "uncorrected",
        component="memory",
        count=1,
        location=None,
        address=None,
        mce_status=None,
        cpu=None,
        killed=None,
        outcome=match[0].strip(),
    )


def _sel_watchdog(context: Context, line: LogLine) -> FenceEvent | None:
    match = _SEL_WATCHDOG.search(line.message)
    if match is None:
        return None
    return FenceEvent(
        at=context.at(line),
        host=line.host,
        lines=context.proof(line),
        kind="expired",
        agent="bmc",
        target=None,
        timeout_s=None,
        detail=match[0].strip(),
    )
