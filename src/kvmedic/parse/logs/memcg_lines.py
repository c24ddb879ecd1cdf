"""The cgroup part of an OOM report (mm/memcontrol.c: ``mem_cgroup_print_oom_context`` and ``…_meminfo``).

Old: ``Task in /a killed as a result of limit of /b``. New: ``oom_memcg=`` in the constraint line, and one
``key value`` per line below ``Memory cgroup stats for /b:``.
"""

from __future__ import annotations

import re

from kvmedic.model.memory_report import MemcgReport
from kvmedic.parse.logs.numbers import kib, whole

_TASK_IN = re.compile(r"Task in (/.{0,512}?) killed as a result of limit of (/.{0,512})")
_USAGE = re.compile(r"(memory|memory\+swap|swap|kmem): usage (\d+)kB, limit (\d+)kB, failcnt (\d+)")
_STATS_FOR = re.compile(r"Memory cgroup stats for (/.{0,512}?):(.*)")
_OLD_STAT = re.compile(r"([a-z_]+):(\d{1,15})KB")
_NEW_STAT = re.compile(r"([a-z][a-z0-9_]{1,40}) (\d{1,19})$")
_GROUP = re.compile(r"Tasks in (/.{0,512}?) are going to be killed due to memory\.oom\.group set")


class MemcgParts:
    """Collects what the report says of the cgroup; empty for a global OOM."""

    def __init__(self) -> None:
        self.oom_memcg: str | None = None
        self.task_memcg: str | None = None
        self._usage: dict[str, tuple[int | None, int | None, int | None]] = {}
        self._stats: dict[str, int] = {}
        self._is_in_stats = False

    def claims(self, message: str) -> bool:
        """Take a line about the cgroup."""
        if message.startswith("Task"):
            return self._take_names(message)
        if message.startswith("Memory cgroup stats"):
            return self._take_stats_head(message)
        if "usage" in message and self._take_usage(message):
            return True
        stat = _NEW_STAT.match(message.lstrip()) if self._is_in_stats else None
        if stat is None:
            return False
        if len(self._stats) < 160:
            self._stats[stat[1]] = int(stat[2])
        return True

    def _take_names(self, message: str) -> bool:
        match = _TASK_IN.match(message)
        if match is not None:
            self.task_memcg, self.oom_memcg = match[1], match[2].strip()
            return True
        return _GROUP.match(message) is not None

    def _take_usage(self, message: str) -> bool:
        match = _USAGE.match(message)
        if match is not None:
            self._usage[match[1]] = (kib(match[2]), kib(match[3]), whole(match[4]))
        return match is not None

    def _take_stats_head(self, message: str) -> bool:
        match = _STATS_FOR.match(message)
        if match is None:
            return False
        self._is_in_stats = not match[2].strip()
        if self.oom_memcg is None or match[1] == self.oom_memcg:
            self.oom_memcg = self.oom_memcg or match[1]
            self._stats.update((key, int(value) << 10) for key, value in _OLD_STAT.findall(match[2]))
        return True

    def build(self) -> MemcgReport | None:
        """What was said; None when the report speaks of no cgroup."""
        if self.oom_memcg is None and not self._usage:
            return None
        nothing = (None, None, None)
        usage, limit, failcnt = self._usage.get("memory", nothing)
        swap_usage, swap_limit, _ = self._usage.get("swap") or self._usage.get("memory+swap", nothing)
        return MemcgReport(
            oom_memcg=self.oom_memcg,
            task_memcg=self.task_memcg,
            usage_bytes=usage,
            limit_bytes=limit,
            failcnt=failcnt,
            swap_usage_bytes=swap_usage,
            swap_limit_bytes=swap_limit,
            stat_bytes=self._stats,
        )
