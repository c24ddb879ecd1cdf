"""This host as a source of evidence: cheap files at once, what can hang in children, counters twice."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from kvmedic.adapters import cgroups, processes
from kvmedic.adapters.child import read_in_child
from kvmedic.adapters.files import expand, read_file
from kvmedic.adapters.live_logs import live_logs
from kvmedic.derive.host_strain import is_host_strained
from kvmedic.model.evidence import Evidence, Target
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.reading_list import (
    AGAIN,
    CGROUP_AGAIN,
    DEEP,
    HOST,
    LARGEST_EVIDENCE_BYTES,
    MAY_HANG,
    PROCESS,
    PROCESS_AGAIN,
    PROCESS_MAY_HANG,
)
from kvmedic.model.request import CollectRequest
from kvmedic.parse.known_safe import keep_safe
from kvmedic.parse.qemu_command_line import safe_arguments
from kvmedic.ports import LogStream, Progress

Files = dict[str, bytes | Missing]
LibvirtReader = Callable[[float], Mapping[str, bytes | Missing]]
"""Reads libvirt within a deadline in seconds: paths of evidence with what ``virsh -r`` would print."""
PageMapReader = Callable[[CollectRequest, Evidence], bytes | Missing]
"""Makes kvmedic/page_map.json as the request wishes, knowing what has been read so far."""

LIBVIRT_DEADLINE_S = 2.0
STATISTICS_DEADLINE_S = 1.0
CHILD_DEADLINE_S = 1.2
_MOST_STACKS = 20
_PAGE_MAP = "kvmedic/page_map.json"
_STATISTICS = "sos_commands/virsh/virsh_-r_domstats"
_UNASKED = "not asked for (--page-map)"


class LiveHost:
    """The host below ``root``. Without a libvirt or page map reader these parts stay uncollected.

    ``read_statistics`` asks libvirt once more, for the second reading. ``take_manners`` is called before the
    first reading: who only looks lowers its own priority.
    """

    def __init__(
        self,
        root: Path = Path("/"),
        *,
        read_libvirt: LibvirtReader | None = None,
        read_statistics: LibvirtReader | None = None,
        read_page_map: PageMapReader | None = None,
        take_manners: Callable[[], None] | None = None,
    ) -> None:
        self._root = root
        self._read_libvirt = read_libvirt
        self._read_statistics = read_statistics
        self._read_page_map = read_page_map
        self._take_manners = take_manners

    @property
    def target(self) -> Target:
        """This host, by its own name."""
        name = read_file(self._root, "proc/sys/kernel/hostname")
        shown = "this host" if isinstance(name, Missing) else name.decode("utf-8", "replace").strip()
        return Target(kind="host", name=shown)

    def collect(self, request: CollectRequest, progress: Progress) -> Evidence:
        """Read the host; within about 4 s and the interval, even where everything that can hang does."""
        if self._take_manners is not None:
            self._take_manners()
        taken_at, started = time.time(), time.monotonic()
        progress("reading the kernel's counters", 0.0)
        files = self._read_host(request)
        listed = processes.list_processes(self._root)
        chosen = processes.choose(self._root, listed)
        if hidden := processes.others_gap(listed):
            files[processes.OTHERS] = hidden
        qemus = [each.pid for each in chosen if each.kind == "qemu"]
        progress("reading processes and their groups", 0.2)
        self._read_processes(files, chosen)
        directories = self._read_groups(files, qemus)
        progress("asking what may not answer", 0.4)
        self._read_tasks(files, listed, qemus)
        self._read_what_may_hang(files, request, qemus)
        if self._read_libvirt is not None:
            _add(files, self._read_libvirt(LIBVIRT_DEADLINE_S))
        again, interval_s = self._read_again(request, started, qemus, directories, progress)
        if again:
            self._ask_again(files, again)
        evidence = Evidence(
            target=self.target, taken_at=taken_at, interval_s=interval_s, files=bounded(files), again=again
        )
        return self._with_page_map(evidence, request, progress)

    def logs(self) -> Iterator[LogStream]:
        """The kernel's ring buffer, the journal, and log files with their rotations, oldest first."""
        return live_logs(self._root)

    def _read(self, files: Files, paths: Iterable[str]) -> None:
        for path in paths:
            data = read_file(self._root, path)
            files[path] = data if isinstance(data, Missing) else keep_safe(path, data)

    def _read_host(self, request: CollectRequest) -> Files:
        files: Files = {}
        patterns = (*HOST, *DEEP) if request.is_deep else HOST
        for pattern in patterns:
            self._read(files, expand(self._root, pattern))
        release = files.get("proc/sys/kernel/osrelease")
        if isinstance(release, bytes) and b"/" not in release:
            self._read(files, [f"boot/config-{release.decode('utf-8', 'replace').strip()}"])
        files["kvmedic/page_size"] = f"{os.sysconf('SC_PAGE_SIZE')}\n".encode()
        return files

    def _read_processes(self, files: Files, chosen: Sequence[processes.Chosen]) -> None:
        files["kvmedic/process/kinds"] = processes.kinds_text(chosen)
        for each in chosen:
            self._read(files, (f"proc/{each.pid}/{name}" for name in PROCESS))
            path = f"kvmedic/process/{each.pid}/open_files"
            count = processes.count_open_files(self._root, each.pid, path)
            files[path] = count if isinstance(count, Missing) else f"{count}\n".encode()

    def _read_groups(self, files: Files, qemus: Sequence[int]) -> list[str]:
        mounts = cgroups.memory_mounts(files["proc/self/mounts"])
        if mounts is None:
            return []
        groups = cgroups.read_memberships(self._root, qemus, mounts.cgroup_version)
        directories = cgroups.group_directories(mounts, groups)
        self._read(files, cgroups.group_files(self._root, directories))
        return directories

    def _read_tasks(self, files: Files, listed: Sequence[processes.Process], qemus: Sequence[int]) -> None:
        tasks = processes.d_state_tasks(self._root, listed, qemus)
        files["kvmedic/process/d_state"] = processes.d_state_text(self._root, tasks)
        wanted = {f"proc/{task}/stack": f"kvmedic/process/{task}/stack" for task, _ in tasks[:_MOST_STACKS]}
        found = read_in_child(self._root, list(wanted), deadline_s=CHILD_DEADLINE_S / 2)
        files.update((wanted[path], data) for path, data in found.items())

    def _read_what_may_hang(self, files: Files, request: CollectRequest, qemus: Sequence[int]) -> None:
        """Configuration on file systems of other programs first: a stuck QEMU must not hide it."""
        paths = [path for pattern in MAY_HANG for path in expand(self._root, pattern)]
        paths += [f"proc/{pid}/cmdline" for pid in qemus]
        if request.is_deep:
            paths += [f"proc/{pid}/{name}" for pid in qemus for name in PROCESS_MAY_HANG]
        for path, data in read_in_child(self._root, paths, deadline_s=CHILD_DEADLINE_S).items():
            if path.endswith("/cmdline"):
                kept = f"kvmedic/process/{path.split('/')[1]}/arguments"
                files[kept] = data if isinstance(data, Missing) else arguments_of(data, kept)
            else:
                files[path] = data if isinstance(data, Missing) else keep_safe(path, data)

    def _read_again(
        self,
        request: CollectRequest,
        started: float,
        qemus: Sequence[int],
        directories: Sequence[str],
        progress: Progress,
    ) -> tuple[Files, float | Missing]:
        if request.interval_s <= 0:
            detail = "one reading only, so no rates"
            return {}, Missing(source="interval", reason=Reason.NOT_COLLECTED, detail=detail)
        progress(f"waiting {request.interval_s:g} s for a second reading", 0.7)
        time.sleep(max(0.0, started + request.interval_s - time.monotonic()))
        interval_s = time.monotonic() - started
        again: Files = {}
        for pattern in AGAIN:
            self._read(again, expand(self._root, pattern))
        self._read(again, (f"proc/{pid}/{name}" for pid in qemus for name in PROCESS_AGAIN))
        counters = (path for path in cgroups.group_files(self._root, directories))
        self._read(again, (path for path in counters if path.rpartition("/")[2] in CGROUP_AGAIN))
        return bounded(again), interval_s

    def _ask_again(self, files: Files, again: Files) -> None:
        """The guests' own counters, of a libvirt that answered the first time."""
        if self._read_statistics is not None and isinstance(files.get(_STATISTICS), bytes):
            _add(again, self._read_statistics(STATISTICS_DEADLINE_S))

    def _with_page_map(self, evidence: Evidence, request: CollectRequest, progress: Progress) -> Evidence:
        """The map comes last: it is the longest reading, and a host in need is spared it."""
        if self._read_page_map is None:
            return evidence
        if request.page_map == "none":
            return _with_map(
                evidence, Missing(source=_PAGE_MAP, reason=Reason.NOT_COLLECTED, detail=_UNASKED)
            )
        progress("reading the page map", None)
        strain = is_host_strained(evidence) if request.page_map == "full" else None
        found: bytes | Missing
        if strain is None:
            found = self._read_page_map(request, evidence)
        else:
            found = Missing(source=_PAGE_MAP, reason=Reason.NOT_COLLECTED, detail=f"not read now: {strain}")
        return _with_map(evidence, found)


def _with_map(evidence: Evidence, found: bytes | Missing) -> Evidence:
    return Evidence(
        target=evidence.target,
        taken_at=evidence.taken_at,
        interval_s=evidence.interval_s,
        files={**evidence.files, _PAGE_MAP: found},
        again=evidence.again,
    )


def _add(files: Files, told: Mapping[str, bytes | Missing]) -> None:
    """Take what a reader told, reduced to what is safe."""
    for path, data in told.items():
        files[path] = data if isinstance(data, Missing) else keep_safe(path, data)


def arguments_of(command_line: bytes, path: str) -> bytes | Missing:
    """A QEMU's command line as the JSON list of its known-safe arguments."""
    words = [word.decode("utf-8", "replace") for word in command_line.rstrip(b"\0").split(b"\0")]
    if not any(words):
        return Missing(
            source=path, reason=Reason.NOT_FOUND, detail="the process has no command line any more"
        )
    return json.dumps(safe_arguments(words)).encode()


def bounded(files: Files) -> Files:
    """The files as long as all of them together stay within LARGEST_EVIDENCE_BYTES; the rest are gaps."""
    left = LARGEST_EVIDENCE_BYTES
    kept: Files = {}
    for path, data in files.items():
        left -= 0 if isinstance(data, Missing) else len(data)
        detail = f"more than {LARGEST_EVIDENCE_BYTES} bytes of evidence in all"
        kept[path] = data if left >= 0 else Missing(source=path, reason=Reason.NOT_COLLECTED, detail=detail)
    return kept
