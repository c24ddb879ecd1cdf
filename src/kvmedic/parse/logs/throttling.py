"""Tasks the kernel slows on purpose: split locks (arch/x86/kernel/cpu/bus_lock.c) and ``memory.high``."""

from __future__ import annotations

import re

from kvmedic.model.log_event import Throttled
from kvmedic.model.memory_report import Task
from kvmedic.parse.logs.envelope import LogLine
from kvmedic.parse.logs.numbers import whole
from kvmedic.parse.logs.report import Context

_SPLIT = re.compile(
    r"x86/split lock detection: #(?:AC|DB): (.{1,64}?)/(\d{1,10}) took a (?:split|bus)_lock trap"
)
_SUPPRESSED = re.compile(r"(?:split_lock_warn|bus_lock\w*|handle_bus_lock): (\d{1,9}) callbacks suppressed")
_HIGH = re.compile(r"memory\.high")
_SAYS_SO = re.compile(r"throttl|exceed|over (?:the )?limit|pressure|reclaim", re.IGNORECASE)


def read_throttling(context: Context, line: LogLine) -> Throttled | None:
    """The throttling this line tells; None for other lines (the start-up line of the detection included)."""
    split = _SPLIT.search(line.message)
    suppressed = _SUPPRESSED.search(line.message)
    is_high = _HIGH.search(line.message) is not None and _SAYS_SO.search(line.message) is not None
    if split is None and suppressed is None and not is_high:
        return None
    return Throttled(
        at=context.at(line),
        host=line.host,
        lines=context.proof(line),
        kind="memory-high" if is_high else "split-lock",
        task=Task(comm=split[1] if split else None, pid=whole(split[2]) if split else None, cpu=None),
        suppressed=whole(suppressed[1]) if suppressed else None,
        detail=line.message[:300],
    )
