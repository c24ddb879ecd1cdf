"""/proc/PID/maps: the virtual memory areas of a process (fs/proc/task_mmu.c, show_map_vma)."""

from __future__ import annotations

import re
from typing import Literal

from kvmedic.errors import ParseError
from kvmedic.model.record import Record

MappingKind = Literal["anonymous", "shared-memory", "hugetlb", "file", "special"]

_ROW = re.compile(
    r"(?P<start>[0-9a-f]{1,16})-(?P<end>[0-9a-f]{1,16}) (?P<access>[r-][w-][x-][sp]) "
    r"[0-9a-f]+ [0-9a-f]+:[0-9a-f]+ (?P<inode>\d+)(?: +(?P<path>.*))?"
)
_SHARED_MEMORY = (
    "/memfd:",
    "/dev/shm/",  # noqa: S108 (a name in the kernel's text)
    "/dev/zero",
    "/SYSV",
    "[anon_shmem:",
)
_HUGETLB = ("/anon_hugepage", "/dev/hugepages", "/memfd:memory-backend-hugetlb")


class Mapping(Record, frozen=True, kw_only=True):
    """One area: addresses in bytes, end exclusive. ``access`` as the kernel writes it ("rw-p")."""

    start: int
    end: int
    access: str
    kind: MappingKind
    path: str

    @property
    def is_readable(self) -> bool:
        """Whether the process may read it; address space that is only reserved may not be."""
        return self.access.startswith("r")


def parse_process_maps(text: str, source: str) -> tuple[Mapping, ...]:
    """The areas in the order of addresses. ParseError on a line that is none."""
    lines = text.split("\n")
    return tuple(_row(line, source, number) for number, line in enumerate(lines, 1) if line)


def _row(line: str, source: str, number: int) -> Mapping:
    found = _ROW.fullmatch(line)
    if found is None:
        raise ParseError(source, number, line, "an area: start-end access offset device inode path")
    path = found["path"] or ""
    start, end = int(found["start"], 16), int(found["end"], 16)
    if end <= start:
        raise ParseError(source, number, line, "an end behind the start")
    kind = _kind(path, int(found["inode"]))
    return Mapping(start=start, end=end, access=found["access"], kind=kind, path=path)


def _kind(path: str, inode: int) -> MappingKind:
    if path.startswith(_HUGETLB):
        return "hugetlb"
    if path.startswith(_SHARED_MEMORY):
        return "shared-memory"
    if inode:
        return "file"
    return "anonymous" if path in ("", "[heap]", "[stack]") or path.startswith("[anon:") else "special"
