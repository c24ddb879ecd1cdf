"""Magic keys somebody pressed (drivers/tty/sysrq.c; ``SysRq :`` before 4.20, ``sysrq:`` since)."""

from __future__ import annotations

import re

from kvmedic.model.log_event import SysRq
from kvmedic.parse.logs.envelope import LogLine
from kvmedic.parse.logs.report import Context

_KEY = re.compile(r"(?:sysrq: |SysRq : )(?:SysRq : )?(.{1,200})")


def read_sysrq(context: Context, line: LogLine) -> SysRq | None:
    """The action this line tells of; None for other lines and for the help text."""
    match = _KEY.search(line.message) if line.is_kernel else None
    if match is None or match[1].startswith("HELP"):
        return None
    return SysRq(at=context.at(line), host=line.host, lines=context.proof(line), action=match[1].strip())
