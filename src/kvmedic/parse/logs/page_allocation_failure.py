"""A failed page allocation and what the kernel shows of memory then (mm/page_alloc.c: ``warn_alloc``).

The wordings of 2.6.32 (``failure. order:4``), 3.x (number only), 4.x to 6.18; also stalls (4.10 to 4.14)
and vmalloc. The kernel prints at most one in ten seconds: absence proves nothing.
"""

from __future__ import annotations

import re
from typing import Final

from kvmedic.model.memory_report import PageAllocationFailure, Task
from kvmedic.parse.logs.envelope import LogLine
from kvmedic.parse.logs.gfp import parse_gfp
from kvmedic.parse.logs.mem_info import MemInfoParts
from kvmedic.parse.logs.numbers import whole
from kvmedic.parse.logs.report import Collector, Context
from kvmedic.parse.logs.trace import TraceParts

_HEADER = re.compile(
    r"(?:(.{1,64}?): )?(?:page allocation (failure|stalls)|(?:vmalloc|vmap)(?::? (?:allocation|error)))"
)
_XFS = re.compile(
    r"XFS: (?:(.{1,32}?)\((\d{1,10})\) )?possible memory allocation deadlock(?: size (\d{1,12}))?"
)
"""fs/xfs/kmem.c (to 5.15): it asks again until it gets contiguous memory, and says so each hundredth time."""
LONGEST_HEADER: Final = 1024
_ORDER = re.compile(r"order[: ](\d{1,3})")
_MODE = re.compile(r"mode:(0x[0-9a-f]+(?:\([^)]{0,512}\))?|[0-9a-f]+)")
_STALL = re.compile(r"stalls for (\d{1,10})ms")
_BYTES = re.compile(r"(?:size |failure: |allocated )(\d{1,18})")
_NODEMASK = re.compile(r"nodemask=([\d,-]*\d)(?=,cpuset|$| )")
_CPUSET = re.compile(r"cpuset=([^ ]*?)[, ]mems_allowed=([\d,-]+)")


def open_allocation(context: Context, line: LogLine) -> AllocationCollector | PageAllocationFailure | None:
    """A collector where the line begins such a report; XFS tells of its own in one line."""
    if not line.is_kernel or "callbacks suppressed" in line.message:
        return None
    message = line.message[:LONGEST_HEADER]
    xfs = _XFS.search(message)
    if xfs is not None:
        return _of_xfs(context, line, xfs)
    return AllocationCollector(context, line) if _HEADER.search(message) else None


def _of_xfs(context: Context, line: LogLine, match: re.Match[str]) -> PageAllocationFailure:
    size, mode = whole(match[3]), _MODE.search(line.message)
    return PageAllocationFailure(
        at=context.at(line),
        host=line.host,
        lines=context.proof(line),
        kind="page",
        requester=Task(comm=match[1] or "XFS", pid=whole(match[2]), cpu=None),
        order=None if size is None else max(-(-size // 4096) - 1, 0).bit_length(),
        size_bytes=size,
        stalled_ms=None,
        gfp=parse_gfp(mode[1]) if mode else None,
        nodemask=None,
        cpuset=None,
        mems_allowed=None,
        is_in_interrupt=None,
        mem_info=None,
        hardware_name=None,
        kernel_release=None,
        call_trace=(),
    )


class AllocationCollector(Collector):
    """Collects header, trace and Mem-Info."""

    longest = 2000
    tag = "page-allocation-failure"
    patience = 16

    def __init__(self, context: Context, line: LogLine) -> None:
        super().__init__(context, line)
        self._trace = TraceParts()
        self._memory = MemInfoParts()
        self._cpuset = _CPUSET.search(line.message)

    def claims(self, line: LogLine) -> bool:
        """Take a line of the report."""
        message = line.message
        if "page allocation" in message or "oom-killer" in message:
            return False
        if "SLUB:" in message:
            return False
        if "cpuset=" in message and self._cpuset is None:
            self._cpuset = _CPUSET.search(message)
            return True
        if self._memory.claims(message):
            self.keep_zone(line)
            return True
        return self._trace.claims(message)

    def finish(self) -> PageAllocationFailure:
        """The report, from whatever was taken."""
        header, cpuset = self.head.message[:LONGEST_HEADER], self._cpuset
        match = _HEADER.search(header)
        order, mode, stall = _ORDER.search(header), _MODE.search(header), _STALL.search(header)
        size, nodemask = _BYTES.search(header), _NODEMASK.search(header)
        is_vmalloc = "vm" in header and "page allocation" not in header
        comm = match[1].split("] ")[-1] if match and match[1] else self._trace.comm
        return PageAllocationFailure(
            at=self.at,
            host=self.head.host,
            lines=tuple(self.refs),
            kind="vmalloc" if is_vmalloc else "stall" if stall else "page",
            requester=Task(comm=comm, pid=self._trace.pid, cpu=self._trace.cpu),
            order=None if is_vmalloc or order is None else whole(order[1]),
            size_bytes=whole(size[1]) if is_vmalloc and size else None,
            stalled_ms=whole(stall[1]) if stall else None,
            gfp=parse_gfp(mode[1]) if mode else None,
            nodemask=nodemask[1] if nodemask else None,
            cpuset=cpuset[1] if cpuset else None,
            mems_allowed=cpuset[2] if cpuset else None,
            is_in_interrupt=self._trace.is_in_interrupt if self._trace.has_trace else None,
            mem_info=self._memory.build(),
            hardware_name=self._trace.hardware_name,
            kernel_release=self._trace.kernel_release,
            call_trace=tuple(self._trace.functions),
        )
