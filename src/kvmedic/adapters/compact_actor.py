"""Compacts one NUMA node in passes, as long as a pass helps and the host bears it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from kvmedic.adapters.child import run_command
from kvmedic.adapters.domain_step import action_of
from kvmedic.adapters.rt_tasks import realtime_tasks_on_isolated_cpus
from kvmedic.errors import ActionRefusedError, OutcomeUnknownError, PreconditionFailedError
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.plan import CompactNode, Step
from kvmedic.model.run import Intent, Sight
from kvmedic.parse.buddyinfo import parse_buddyinfo
from kvmedic.parse.pressure import parse_pressure
from kvmedic.parse.vmstat import parse_vmstat
from kvmedic.ports import Progress

MOST_PASSES = 16
LEAST_GAIN_BLOCKS = 8
"""A pass that frees fewer huge blocks than this (16 MiB) and moves next to nothing does not help any more."""
LEAST_MOVED_PAGES = 1024
"""A pass of the kernel may end before all is gathered: on 6.1, after four passes a fifth moved 19,000 pages
more and freed 30 blocks. ``compact_isolated`` tells how much one did: it counts the pages that were taken and
those they were to go to (mm/compaction.c)."""
STALLED_PERCENT = 10.0
PASS_DEADLINE_S = 300.0
HUGE_ORDER = 9
_WRITE = "import sys; open(sys.argv[1], 'w').write('1')"


class CompactActor:
    """The actor of compact-node. A pass runs in a child: the kernel does not let it be interrupted."""

    def __init__(self, root: Path = Path("/"), *, is_stopped: Callable[[], bool] = lambda: False) -> None:
        self._root, self._is_stopped = root, is_stopped
        self._spent_s: dict[int, float] = {}

    def look(self, step: Step, intent: Intent | None) -> Sight:
        """Free blocks of at least 2 MiB; reached once a pass has ended, or where blocks were gained."""
        action = action_of(step, CompactNode)
        if intent is None:
            self._check(action)
        blocks = self._blocks(action.node)
        before = blocks if intent is None else int(intent.before.get("huge_blocks_free") or 0)
        facts: dict[str, str | int | float | None] = {"huge_blocks_free": blocks}
        if step.number in self._spent_s:
            facts["seconds"] = round(self._spent_s[step.number], 3)
        is_reached = step.number in self._spent_s or blocks - before >= LEAST_GAIN_BLOCKS
        return Sight(is_reached=is_reached, facts=facts, restores={})

    def act(self, step: Step, intent: Intent, progress: Progress) -> None:
        """Pass after pass. ActionRefusedError where the host says no before the first one."""
        action = action_of(step, CompactNode)
        spent_s = 0.0
        for number in range(MOST_PASSES):
            if number and self._is_stopped():
                break
            if (strain := self._strain()) is not None:
                if number == 0:
                    raise ActionRefusedError(f"not now: {strain}", hint="Wait until the pressure is gone.")
                break
            before, moved_before, begun = self._blocks(action.node), self._moved_pages(), time.monotonic()
            progress(f"compacting node {action.node}, pass {number + 1}", None)
            self._compact(action)
            spent_s += time.monotonic() - begun
            gained, moved = self._blocks(action.node) - before, self._moved_pages() - moved_before
            if gained < LEAST_GAIN_BLOCKS and moved < LEAST_MOVED_PAGES:
                break
        self._spent_s[step.number] = spent_s

    def undo(self, step: Step, intent: Intent, progress: Progress) -> None:
        """There is nothing to put back: pages moved, and nobody sees where they lie."""
        raise ActionRefusedError("a compaction has nothing to undo", hint="Nothing was touched.")

    def _compact(self, action: CompactNode) -> None:
        path = self._root / f"sys/devices/system/node/node{action.node}/compact"
        done = run_command([sys.executable, "-I", "-S", "-c", _WRITE, str(path)], deadline_s=PASS_DEADLINE_S)
        if not isinstance(done, Missing):
            return
        if done.reason is Reason.TIMED_OUT:
            raise OutcomeUnknownError(
                f"node {action.node} is still being compacted after {PASS_DEADLINE_S:g} s",
                hint="The kernel cannot be stopped in the middle; look at the host's pressure.",
            )
        raise ActionRefusedError(
            f"the kernel refused to compact node {action.node} ({done.detail})", hint="It takes root."
        )

    def _check(self, action: CompactNode) -> None:
        tasks = realtime_tasks_on_isolated_cpus(self._root)
        if isinstance(tasks, Missing) or tasks:
            what = str(tasks) if isinstance(tasks, Missing) else ", ".join(tasks[:3])
            raise PreconditionFailedError(
                f"realtime tasks on isolated CPUs may hold a compaction for ever: {what}",
                hint="Compact while they do not run.",
            )
        if not (self._root / f"sys/devices/system/node/node{action.node}/compact").exists():
            raise PreconditionFailedError(
                f"node {action.node} cannot be compacted", hint="This kernel was built without compaction."
            )

    def _strain(self) -> str | None:
        try:
            pressure = parse_pressure(
                (self._root / "proc/pressure/memory").read_text(), "proc/pressure/memory"
            )
        except OSError:
            return None
        full = pressure.full
        if full is not None and full.avg10_percent >= STALLED_PERCENT:
            return f"all tasks stalled on memory for {full.avg10_percent:.0f} % of the last 10 s"
        return None

    def _moved_pages(self) -> int:
        """Pages that compactions have moved since boot; 0 where the kernel does not count them."""
        text = (self._root / "proc/vmstat").read_text()
        return parse_vmstat(text, "proc/vmstat").get("compact_isolated", 0) // 2

    def _blocks(self, node: int) -> int:
        """Disjoint blocks of at least 2 MiB in the node's zones."""
        text = (self._root / "proc/buddyinfo").read_text()
        areas = [area for area in parse_buddyinfo(text, "proc/buddyinfo") if area.node == node]
        return sum(
            count << (order - HUGE_ORDER)
            for area in areas
            for order, count in enumerate(area.free_blocks)
            if order >= HUGE_ORDER
        )
