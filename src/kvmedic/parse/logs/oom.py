"""The OOM killer's report, from its header or, where the log is cut, from any of its later lines.

Sources: mm/oom_kill.c (``dump_header``, ``oom_kill_process``), mm/memcontrol.c, kernels 3.2 to 6.18.
"""

from __future__ import annotations

import re
from typing import Final, cast, get_args

from kvmedic.model.memory_report import Constraint, GfpMask, MemcgReport, OomReport, Task
from kvmedic.parse.logs.envelope import LogLine
from kvmedic.parse.logs.gfp import parse_gfp
from kvmedic.parse.logs.kill_line import KillParts
from kvmedic.parse.logs.mem_info import MemInfoParts
from kvmedic.parse.logs.memcg_lines import MemcgParts
from kvmedic.parse.logs.numbers import whole
from kvmedic.parse.logs.report import Collector, Context
from kvmedic.parse.logs.task_table import TaskTableParts
from kvmedic.parse.logs.trace import TraceParts

_INVOKED: Final = "invoked oom-killer: "
LONGEST_COMM: Final = 64
_GFP = re.compile(r"gfp_mask=(0x[0-9a-f]+(?:\([^)]{0,512}\))?|[0-9a-f]+)")
_ORDER = re.compile(r"order=(-?\d{1,3})")
_ADJ = re.compile(r"oom_(?:score_)?adj=(-?\d{1,5})")
_NODEMASK = re.compile(r"nodemask=([\d,-]+?)(?=,? |,cpuset|$)")
_CPUSET_LINE = re.compile(r"(?:.{0,64} )?cpuset=(\S{0,512}) mems_allowed=([\d,-]+)")
_OPENERS: Final = ("Mem-Info:", "oom-kill:constraint=", "ut of memory", "Kill", "Task in /")


def open_oom(context: Context, line: LogLine) -> OomCollector | None:
    """A collector where the line begins, or belongs to, an OOM report; None for other lines."""
    if not line.is_kernel or "ernel panic" in line.message:
        return None
    collector = OomCollector(context, line)
    if _INVOKED in line.message:
        return collector
    if any(mark in line.message for mark in _OPENERS) and collector.claims(line):
        return collector
    return None


class OomCollector(Collector):
    """Collects one run of the OOM killer. After the kill only few lines more are waited for."""

    tag = "oom-report"
    patience = 120
    patience_s = 30.0
    longest = 40_000

    def __init__(self, context: Context, line: LogLine) -> None:
        super().__init__(context, line)
        self._kill = KillParts()
        self._memory = MemInfoParts()
        self._tasks = TaskTableParts()
        self._memcg = MemcgParts()
        self._trace = TraceParts()
        self._cpuset: tuple[str | None, str | None] = (None, None)
        self._has_header = _INVOKED in line.message

    def claims(self, line: LogLine) -> bool:
        """Take a line of the report; the next header belongs to the next report."""
        message = line.message
        if "invoked oom-killer" in message or "ernel panic" in message:
            return False
        if ("oom" in message or "Kill" in message or "no killable" in message) and self._kill.claims(message):
            self._shorten_patience()
            self.keep(line)
            return True
        return self._claims_body(line)

    def _claims_body(self, line: LogLine) -> bool:
        message = line.message
        if self._tasks.claims(message):
            return True
        if self._memory.claims(message):
            self.keep_zone(line)
            return True
        if "cpuset=" in message and self._take_cpuset(message):
            return True
        if message.startswith("["):
            return self._trace.claims(message)
        return self._memcg.claims(message) or self._trace.claims(message)

    def _shorten_patience(self) -> None:
        if self._kill.victims:
            self.patience = 6

    def _take_cpuset(self, message: str) -> bool:
        match = _CPUSET_LINE.match(message)
        if match is not None:
            self._cpuset = (match[1], match[2])
        return match is not None

    def finish(self) -> OomReport | None:
        """The report, from whatever was taken; None where it may have been another kind of report."""
        kill, memcg = self._kill, self._memcg.build()
        if not (self._has_header or kill.victims or kill.constraint or kill.is_nothing_killable or memcg):
            return None
        header = self.head.message if self._has_header else ""
        order = _number(_ORDER, header)
        return OomReport(
            at=self.at,
            host=self.head.host,
            lines=tuple(self.refs),
            requester=self._requester(header),
            gfp=_gfp(header),
            order=order,
            requester_oom_score_adj=_number(_ADJ, header),
            constraint=self._constraint(),
            is_memcg=self._is_memcg(memcg),
            is_manual=order == -1,
            nodemask=kill.values.get("nodemask") or _text(_NODEMASK, header),
            cpuset=kill.cpuset or self._cpuset[0],
            mems_allowed=kill.values.get("mems_allowed") or self._cpuset[1],
            memcg=self._memcg_named(memcg),
            mem_info=self._memory.build(),
            tasks=self._tasks.largest(),
            tasks_total=self._tasks.total or None,
            qemu_tasks_total=self._tasks.qemu_total if self._tasks.total else None,
            chosen=kill.chosen,
            chosen_memcg=kill.chosen_memcg or self._memcg.task_memcg,
            victims=kill.victims,
            is_nothing_killable=kill.is_nothing_killable,
            hardware_name=self._trace.hardware_name,
            kernel_release=self._trace.kernel_release,
            call_trace=tuple(self._trace.functions),
            is_complete=self._has_header and bool(kill.victims or kill.is_nothing_killable),
        )

    def _requester(self, header: str) -> Task | None:
        before, invoked, _ = header.partition(_INVOKED)
        if not invoked:
            return None
        comm = before[-LONGEST_COMM - 1 :].split("] ")[-1].strip() or self._trace.comm
        return Task(comm=comm, pid=self._trace.pid, cpu=self._trace.cpu)

    def _constraint(self) -> Constraint | None:
        known = self._kill.constraint in get_args(Constraint)
        return cast("Constraint", self._kill.constraint) if known else None

    def _is_memcg(self, memcg: MemcgReport | None) -> bool | None:
        if self._kill.constraint is not None:
            return self._kill.constraint == "CONSTRAINT_MEMCG"
        if memcg is not None or self._kill.is_from_cgroup:
            return True
        return False if self._kill.is_from_cgroup is False or self._memory.build() else None

    def _memcg_named(self, memcg: MemcgReport | None) -> MemcgReport | None:
        """The cgroup part with the names of the constraint line, where only that line has them."""
        name = self._kill.values.get("oom_memcg")
        if name is None and memcg is None:
            return None
        self._memcg.oom_memcg = self._memcg.oom_memcg or name
        self._memcg.task_memcg = self._memcg.task_memcg or self._kill.chosen_memcg
        return self._memcg.build()


def _gfp(header: str) -> GfpMask | None:
    """The request's mask; None for the 0 of ``pagefault_out_of_memory``, which says nothing of a request."""
    match = _GFP.search(header)
    mask = None if match is None else parse_gfp(match[1])
    return None if mask is None or (mask.value == 0 and not mask.names) else mask


def _number(pattern: re.Pattern[str], text: str) -> int | None:
    match = pattern.search(text)
    return None if match is None else whole(match[1])


def _text(pattern: re.Pattern[str], text: str) -> str | None:
    match = pattern.search(text)
    return None if match is None else match[1].rstrip(",")
