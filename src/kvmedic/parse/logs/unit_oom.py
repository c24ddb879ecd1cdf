"""systemd's word that the kernel's OOM killer was in a unit: all that a log without the kernel's lines has.

systemd's src/core/unit.c (since 243): "NAME: A process of this unit has been killed by the OOM killer." It
says neither who was killed nor whether the host or the unit's own cgroup was out of memory.
"""

from __future__ import annotations

import re

from kvmedic.model.memory_report import OomReport
from kvmedic.parse.logs.envelope import LogLine
from kvmedic.parse.logs.report import Context

_KILLED = re.compile(
    r"(?:^|: )([\w.@:\\-]{1,255}\.(?:scope|service|slice)): "
    r"(?:A process of this unit has been killed by the OOM killer"
    r"|Killing process \d+ .{0,80}by the OOM killer|The kernel OOM killer killed some processes in this unit)"
)


def read_unit_oom(context: Context, line: LogLine) -> OomReport | None:
    """An OOM report of which only the unit is known; None for other lines."""
    match = _KILLED.search(line.message)
    if match is None or line.identifier not in (None, "systemd"):
        return None
    return OomReport(
        at=context.at(line),
        host=line.host,
        lines=context.proof(line),
        requester=None,
        gfp=None,
        order=None,
        requester_oom_score_adj=None,
        constraint=None,
        is_memcg=None,
        is_manual=False,
        nodemask=None,
        cpuset=None,
        mems_allowed=None,
        memcg=None,
        mem_info=None,
        tasks=(),
        tasks_total=None,
        qemu_tasks_total=None,
        chosen=None,
        chosen_memcg=f"/{match[1]}",
        victims=(),
        is_nothing_killable=False,
        hardware_name=None,
        kernel_release=None,
        call_trace=(),
        is_complete=False,
    )
