"""Which directories of cgroups bear on a process: its memory group and every ancestor up to the root."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from kvmedic.adapters.files import read_file
from kvmedic.errors import ParseError
from kvmedic.model.gap import Missing
from kvmedic.model.reading_list import CGROUP, is_cgroup_file
from kvmedic.parse.mounts import MemoryMounts, parse_memory_mounts

_DEEPEST = 64


def memory_mounts(mounts: bytes | Missing) -> MemoryMounts | None:
    """Where the memory hierarchy is mounted, or None where that is not told."""
    if isinstance(mounts, Missing):
        return None
    try:
        return parse_memory_mounts(mounts.decode(errors="replace"), "proc/self/mounts")
    except ParseError:
        return None


def memory_group(membership: bytes, version: int) -> str | None:
    """The path in the memory hierarchy of /proc/PID/cgroup ("0::/a/b", "4:memory:/a"), no slash first."""
    for row in membership.decode(errors="replace").splitlines():
        number, _, rest = row.partition(":")
        controllers, _, path = rest.partition(":")
        is_ours = number == "0" and not controllers if version == 2 else "memory" in controllers.split(",")
        if is_ours and ".." not in path.split("/"):
            return path.strip("/")
    return None


def group_directories(mounts: MemoryMounts, groups: Iterable[str]) -> list[str]:
    """The directories of the groups and of all their ancestors, the root of the hierarchy first."""
    found = {mounts.directory}
    for group in groups:
        names = [name for name in group.split("/") if name][:_DEEPEST]
        found.update("/".join((mounts.directory, *names[:depth])) for depth in range(1, len(names) + 1))
    return sorted(found)


def group_files(root: Path, directories: Iterable[str]) -> Iterator[str]:
    """The files of the reading list that exist in the directories."""
    for directory in directories:
        for name in CGROUP:
            path = f"{directory}/{name}"
            if is_cgroup_file(path) and (root / path).is_file():
                yield path


def read_memberships(root: Path, pids: Iterable[int], version: int) -> list[str]:
    """The memory groups of processes, each once."""
    groups: dict[str, None] = {}
    for pid in pids:
        membership = read_file(root, f"proc/{pid}/cgroup")
        group = None if isinstance(membership, Missing) else memory_group(membership, version)
        if group is not None:
            groups[group] = None
    return list(groups)
