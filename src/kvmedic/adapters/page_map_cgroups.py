"""Which memory cgroups are a domain's alone, as inode numbers: what /proc/kpagecgroup names for a frame."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from pathlib import Path

from kvmedic.model.page_map_request import DomainProcess


def domains_by_cgroup(proc: Path, domains: tuple[DomainProcess, ...]) -> dict[int, int]:
    """Inode of a cgroup directory → number of the domain (1…) that alone is in it or below it.

    A frame is charged to the nearest group with a memory controller, which may be an ancestor of the
    process's own; those that several domains have in common name nobody.
    """
    roots = _memory_roots(proc)
    found = [_inodes(proc, domain.pid, roots) for domain in domains]
    users = Counter(inode for inodes in found for inode in inodes)
    return {inode: number for number, inodes in enumerate(found, 1) for inode in inodes if users[inode] == 1}


def _memory_roots(proc: Path) -> dict[str, Path]:
    """Where the memory hierarchies are mounted: "memory" (v1) and "" (v2)."""
    roots: dict[str, Path] = {}
    with suppress(OSError):
        for line in (proc / "self/mounts").read_text("utf-8", "surrogateescape").splitlines():
            _, place, kind, options, *_ = [*line.split(" "), "", "", "", ""]
            if kind == "cgroup2":
                roots.setdefault("", Path(place))
            elif kind == "cgroup" and "memory" in options.split(","):
                roots.setdefault("memory", Path(place))
    return roots


def _inodes(proc: Path, pid: int, roots: dict[str, Path]) -> set[int]:
    """Inodes of the process's memory group and its ancestors, without the root, which is everybody's."""
    found: set[int] = set()
    with suppress(OSError):
        for line in (proc / f"{pid}/cgroup").read_text("utf-8", "surrogateescape").splitlines():
            _, controllers, path = [*line.split(":", 2), "", ""][:3]
            name = "memory" if "memory" in controllers.split(",") else controllers
            if name in roots:
                found |= _chain(roots[name], path)
    return found


def _chain(root: Path, path: str) -> set[int]:
    found: set[int] = set()
    place = root / path.strip("/")
    while place not in (root, place.parent) and root in place.parents:
        with suppress(OSError):
            found.add(place.stat().st_ino)
        place = place.parent
    return found
