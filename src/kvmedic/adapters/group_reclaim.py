"""The fallback of a release: let the kernel reclaim from the one memory cgroup, in small steps, watching.

The deferred-split shrinker frees what nobody maps, but those pages do not count as reclaimed, so the kernel
goes on and takes the rest of the amount from elsewhere (mm/vmscan.c, try_to_free_mem_cgroup_pages). Hence
small steps, a look after each, and a stop when file cache or swap move. A write's error is not its effect:
EAGAIN may come after the whole job was done. memory.high (throttles vCPUs) and memory.max (kills) are never
touched.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from kvmedic.errors import ActionRefusedError
from kvmedic.ports import Progress
from kvmedic.units import MIB, human_bytes

STEP_BYTES = 32 * MIB
CACHE_MAY_MOVE_BYTES = 8 * MIB
SWAP_MAY_MOVE_BYTES = 1 * MIB
REFAULTS_MAY_RISE = 256
MOST_STEPS_BEYOND = 8
"""Steps that release nothing before we stop."""


class GroupReclaim:
    """Releases what is stranded in one memory cgroup (version 2, or version 1 without cache and swap)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._first_swap = self._swap()

    @property
    def swap_max(self) -> str | None:
        """memory.swap.max as it is; None where there is no such file."""
        with suppress(OSError):
            return (self._folder / "memory.swap.max").read_text().strip()
        return None

    def restore_swap_max(self, before: str) -> None:
        """Puts memory.swap.max back, where a killed release left it at 0."""
        if self.swap_max == "0" != before:
            (self._folder / "memory.swap.max").write_text(before)

    def release(self, progress: Progress) -> None:
        """Steps until nothing is stranded, nothing more comes, or something else moves."""
        if (self._folder / "memory.reclaim").exists():
            self._step_by_step(progress)
        elif (self._folder / "memory.force_empty").exists():
            self._force_empty(progress)
        else:
            raise ActionRefusedError(
                "the group offers neither memory.reclaim (5.19) nor memory.force_empty",
                hint="See docs/remedies.",
            )

    def stranded_bytes(self) -> int:
        """What the group's folios hold beyond what is mapped: whole folios less mapped pages."""
        return stranded_in(self._stat())

    def _step_by_step(self, progress: Progress) -> None:
        first = self._stat()
        left = begun = max(stranded_in(first), 1)
        before = self.swap_max
        if before not in (None, "0"):
            (self._folder / "memory.swap.max").write_text("0")
        try:
            idle = 0
            while left > 4 * MIB and idle < MOST_STEPS_BEYOND:
                self._ask(min(STEP_BYTES, left))
                now = self._stat()
                if (moved := self._moved(first, now)) is not None:
                    progress(f"stopped: {moved}", None)
                    return
                idle = 0 if stranded_in(now) < left - MIB else idle + 1
                left = stranded_in(now)
                progress("releasing stranded memory through its cgroup", 1 - left / begun)
        finally:
            if before is not None:
                self.restore_swap_max(before)

    def _ask(self, size_bytes: int) -> None:
        try:
            _write(self._folder / "memory.reclaim", str(size_bytes))
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EINTR):
                raise ActionRefusedError(
                    f"the kernel refused to reclaim: {error.strerror}", hint="It takes root."
                ) from error

    def _force_empty(self, progress: Progress) -> None:
        """Version 1 cannot do it in steps: only where there is nothing else that it could take."""
        stat = self._stat()
        cache = stat.get("active_file", 0) + stat.get("inactive_file", 0)
        if cache > CACHE_MAY_MOVE_BYTES:
            raise ActionRefusedError(
                f"force_empty would drop {human_bytes(cache)} of file cache too", hint="See docs/remedies."
            )
        if len(Path("/proc/swaps").read_text().splitlines()) > 1:
            raise ActionRefusedError("force_empty may swap the guest out", hint="See docs/remedies.")
        progress("releasing stranded memory through its cgroup", None)
        with suppress(OSError):
            _write(self._folder / "memory.force_empty", "0")

    def _moved(self, first: Mapping[str, int], now: Mapping[str, int]) -> str | None:
        lost = _files(first) - _files(now)
        if lost > CACHE_MAY_MOVE_BYTES:
            return f"{human_bytes(lost)} of file cache went"
        swap = self._swap() - self._first_swap
        if swap > SWAP_MAY_MOVE_BYTES:
            return f"{human_bytes(swap)} were swapped out"
        refaults = sum(v for k, v in now.items() if k.startswith("workingset_refault")) - sum(
            v for k, v in first.items() if k.startswith("workingset_refault")
        )
        return f"{refaults} pages were faulted in again" if refaults > REFAULTS_MAY_RISE else None

    def _swap(self) -> int:
        with suppress(OSError, ValueError):
            return int((self._folder / "memory.swap.current").read_text())
        return 0

    def _stat(self) -> Mapping[str, int]:
        rows = (line.split() for line in (self._folder / "memory.stat").read_text().splitlines())
        return {row[0]: int(row[1]) for row in rows if len(row) == 2}


def stranded_in(stat: Mapping[str, int]) -> int:
    """Whole folios on the anonymous lists, less mapped pages (version 1 ``rss``, 2 ``anon``) and shmem."""
    mapped = stat["rss"] if "rss" in stat else stat.get("anon", 0)
    lists = stat.get("active_anon", 0) + stat.get("inactive_anon", 0)
    return max(0, lists - mapped - stat.get("shmem", 0) - stat.get("swapcached", 0))


def _files(stat: Mapping[str, int]) -> int:
    return stat.get("active_file", 0) + stat.get("inactive_file", 0)


def _write(path: Path, text: str) -> None:
    """One write(2), its error as it comes: a buffered file would try again at its end."""
    handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(handle, text.encode())
    finally:
        os.close(handle)
