"""The actor of release-stranded-memory: looks with the page map, acts with process_madvise(MADV_COLD).

Where the kernel has no process_madvise, or refuses it, the domain's own memory cgroup is the fallback.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from kvmedic.adapters.group_reclaim import GroupReclaim
from kvmedic.adapters.madvise import batches, make_cold
from kvmedic.adapters.page_map import read_stranded_ranges
from kvmedic.errors import ActionRefusedError, PreconditionFailedError, StoppedError
from kvmedic.model.gap import Missing
from kvmedic.model.page_map import StrandedRange
from kvmedic.model.page_map_request import DomainProcess, PageMapRequest
from kvmedic.model.plan import ReleaseStranded, Step
from kvmedic.model.run import Intent, Sight
from kvmedic.parse.process_status import parse_process_stat
from kvmedic.ports import Progress
from kvmedic.units import MIB

REST_SHARE = 0.01
"""The goal is 99 % released: guests go on touching pages while we look."""
REST_BYTES = 4 * MIB
NOT_OFFERED = {
    errno.ENOSYS: "this kernel has no process_madvise (5.10 and later have)",
    errno.EINVAL: "this kernel refuses MADV_COLD for another process, or the range is locked",
    errno.EPERM: "not permitted: it takes root, or CAP_SYS_NICE and ptrace access",
}


class ReleaseActor:
    """``request_for`` gives the page map request for one process (zones and sizes of this host).

    ``advise`` is the system call (tests give one of a kernel that lacks it).
    """

    def __init__(
        self,
        request_for: Callable[[DomainProcess], PageMapRequest],
        advise: Callable[[int, Sequence[StrandedRange]], int] = make_cold,
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self._request_for = request_for
        self._advise_cold, self._is_stopped = advise, is_stopped
        self._spent: dict[int, dict[str, float]] = {}

    def look(self, step: Step, intent: Intent | None) -> Sight:
        """How much is stranded now; reached when at most 1 % of what was there (or 4 MiB) is left."""
        action = _action(step)
        self._settle(action, intent)
        stranded = sum(item.stranded_bytes for item in self._ranges(action))
        before = stranded if intent is None else int(intent.before.get("stranded_bytes") or 0)
        rest = max(REST_BYTES, int(before * REST_SHARE))
        reached = stranded <= (rest if intent is not None else 0)
        group = _group(action)
        swap_max = None if group is None else group.swap_max
        return Sight(
            is_reached=reached,
            facts={
                "stranded_bytes": stranded,
                **_memory(action.pid),
                **self._spent.get(step.number, {}),
            },
            restores={} if swap_max is None else {"swap_max": swap_max},
        )

    def act(self, step: Step, intent: Intent, progress: Progress) -> None:
        """Advises range by range; may be stopped between two batches, and be begun again."""
        action = _action(step)
        ranges = self._ranges(action)
        pidfd = os.pidfd_open(action.pid)
        try:
            _check_same(action)
            wall, work, waited = time.monotonic(), time.thread_time(), waited_s(action.pid)
            refusal = self._advise(pidfd, ranges, progress)
            self._spent[step.number] = {
                "seconds": round(time.monotonic() - wall, 3),
                "cpu_seconds": round(time.thread_time() - work, 3),
                "guest_waited_s": round(max(0.0, waited_s(action.pid) - waited), 3),
            }
        finally:
            os.close(pidfd)
        if refusal is not None:
            self._fall_back(action, refusal, progress)

    def undo(self, step: Step, intent: Intent, progress: Progress) -> None:
        """There is nothing to put back: the guest lost nothing."""
        raise ActionRefusedError(
            "a release has nothing to undo: the guest kept every page that it uses",
            hint="The split pages become huge again by khugepaged, if that is wanted.",
        )

    def _advise(self, pidfd: int, ranges: Sequence[StrandedRange], progress: Progress) -> str | None:
        """Why the kernel refused the very first batch, or None; a later refusal is seen by looking."""
        done, total = 0, sum(item.length for item in ranges) or 1
        for batch in batches(ranges):
            if self._is_stopped():
                raise StoppedError(
                    "stopped between two batches; what was released stays so",
                    hint="kvmedic apply --resume releases the rest.",
                )
            try:
                self._advise_cold(pidfd, batch)
            except OSError as error:
                number = error.errno or 0
                return NOT_OFFERED.get(number, os.strerror(number)) if done == 0 else None
            done += sum(item.length for item in batch)
            progress("releasing stranded memory", done / total)
        return None

    def _fall_back(self, action: ReleaseStranded, refusal: str, progress: Progress) -> None:
        group = _group(action)
        if group is None:
            raise ActionRefusedError(
                f"the kernel refused: {refusal}; and the domain has no memory cgroup of its own",
                hint="See docs/remedies/release-stranded-memory.md.",
            )
        progress(f"{refusal}; falling back to its memory cgroup", None)
        group.release(progress)

    def _settle(self, action: ReleaseStranded, intent: Intent | None) -> None:
        """A release that was killed may have left memory.swap.max at 0."""
        before = None if intent is None else intent.restores.get("swap_max")
        group = _group(action)
        if group is not None and isinstance(before, str):
            group.restore_swap_max(before)

    def _ranges(self, action: ReleaseStranded) -> tuple[StrandedRange, ...]:
        _check_same(action)
        request = self._request_for(DomainProcess(name=action.domain_name, pid=action.pid))
        ranges = read_stranded_ranges(request, action.pid)
        if isinstance(ranges, Missing):
            raise PreconditionFailedError(
                f"the page map of {action.domain_name} could not be read ({ranges})",
                hint="It takes root, and a QEMU that is not stuck in the kernel.",
            )
        return ranges


def waited_s(pid: int) -> float:
    """How long all threads of a process waited for a CPU so far (schedstat: run, wait, slices; ns and count).

    Its rise while we work is what the guest's CPUs may have felt; 0 where the kernel does not count it.
    """
    found = 0
    for path in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with suppress(OSError, ValueError, IndexError):
            found += int(path.read_text().split()[1])
    return found / 1e9


def _action(step: Step) -> ReleaseStranded:
    if not isinstance(step.action, ReleaseStranded):
        raise TypeError(step.action)
    return step.action


def _group(action: ReleaseStranded) -> GroupReclaim | None:
    """The planned group, as long as the process is charged to it: the plan is a file that may be edited."""
    if (
        action.group is None
        or ".." in action.group.split("/")
        or not action.group.startswith("sys/fs/cgroup/")
    ):
        return None
    folder = Path("/") / action.group
    try:
        memberships = Path(f"/proc/{action.pid}/cgroup").read_text(errors="replace").splitlines()
    except OSError:
        return None
    inside = [line.split(":", 2)[2] for line in memberships if line.count(":") >= 2]
    is_its_own = any(path != "/" and f"{path}/".startswith(_below_mount(action.group)) for path in inside)
    return GroupReclaim(folder) if is_its_own and (folder / "memory.stat").exists() else None


def _below_mount(group: str) -> str:
    path = group.removeprefix("sys/fs/cgroup/").removeprefix("memory/").removeprefix("unified/")
    return f"/{path}/"


def _check_same(action: ReleaseStranded) -> None:
    """The process is still the planned one: PIDs are used again, start times are not."""
    try:
        text = Path(f"/proc/{action.pid}/stat").read_text(errors="replace")
    except OSError as error:
        raise PreconditionFailedError(
            f"the QEMU of {action.domain_name} (PID {action.pid}) is gone; nothing was touched",
            hint="Make a new plan.",
        ) from error
    if parse_process_stat(text, f"proc/{action.pid}/stat").start_ticks != action.start_ticks:
        raise PreconditionFailedError(
            f"PID {action.pid} is another process now; nothing was touched", hint="Make a new plan."
        )


def _memory(pid: int) -> dict[str, str | int | float | None]:
    """What must not change: resident memory and swap of the process, in bytes."""
    wanted = {"VmRSS": "rss_bytes", "VmSwap": "swap_bytes"}
    found: dict[str, str | int | float | None] = {}
    for line in Path(f"/proc/{pid}/status").read_text(errors="replace").splitlines():
        key, _, value = line.partition(":")
        if key in wanted:
            found[wanted[key]] = int(value.split()[0]) * 1024
    return found
