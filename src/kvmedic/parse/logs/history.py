"""History that a host keeps beside its logs: audit's records, Proxmox' tasks, the BMC's event log.

The BMC's log is what ``ipmitool sel list`` and ``elist`` print.
"""

from __future__ import annotations

import re

from kvmedic.model.log_event import FenceEvent, HardwareError, LogEvent
from kvmedic.parse.logs.audit import read_audit
from kvmedic.parse.logs.envelope import LogLine
from kvmedic.parse.logs.pve_tasks import read_task_line
from kvmedic.parse.logs.report import Context

_SEL_MEMORY = re.compile(r"Memory[^|]{0,40}\| (Correctable|Uncorrectable)[^|]{0,40}")
_SEL_WATCHDOG = re.compile(
    r"Watchdog[^|]{0,40}\| (?:Hard reset|Power (?:down|cycle|off)|Timer expired)[^|]{0,40}"
)


def read_history(context: Context, line: LogLine) -> LogEvent | None:
    """The event that such a line tells; None for others (tasks that ended well began earlier)."""
    if line.identifier == "sel":
        return _sel_memory(context, line) or _sel_watchdog(context, line)
    return read_audit(context, line) or read_task_line(context, line)


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
