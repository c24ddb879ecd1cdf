"""/proc/self/mounts: where the memory hierarchy and hugetlbfs are mounted (fs/proc_namespace.c)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from kvmedic.model.record import Record
from kvmedic.parse.lines import after_the_end, numbered_lines
from kvmedic.units import GIB, KIB, MIB

_ESCAPED = re.compile(r"\\([0-7]{3})")
_PAGESIZE = re.compile(r"pagesize=([0-9]{1,9})([KMG]?)")
_SUFFIXES = {"": 1, "K": KIB, "M": MIB, "G": GIB}


class MemoryMounts(Record, frozen=True, kw_only=True):
    """``hugetlbfs`` maps mount points to page sizes in bytes, or None where the options do not say.

    ``directory`` is where the memory controller's groups are: a path of evidence, without the leading slash.
    """

    cgroup_version: Literal[1, 2]
    directory: str
    hugetlbfs: Mapping[str, int | None]


def parse_memory_mounts(text: str, source: str) -> MemoryMounts:
    """A version 1 hierarchy with the memory controller wins over cgroup2: in hybrid mode it has the memory.

    A ParseError where no cgroup hierarchy is mounted, or a row is none.
    """
    first: dict[int, str] = {}
    hugetlbfs: dict[str, int | None] = {}
    for line in numbered_lines(text, source):
        words = line.text.split()
        if len(words) < 4:
            raise line.error("device, place, type and options of a mount")
        place = _ESCAPED.sub(lambda found: chr(int(found[1], 8)), words[1])
        if words[2] == "cgroup" and "memory" in words[3].split(","):
            first.setdefault(1, place)
        elif words[2] == "cgroup2":
            first.setdefault(2, place)
        elif words[2] == "hugetlbfs":
            hugetlbfs[place] = _page_size(words[3])
    if not first:
        raise after_the_end(text, source, "a mounted cgroup hierarchy")
    version: Literal[1, 2] = 1 if 1 in first else 2
    return MemoryMounts(cgroup_version=version, directory=first[version].strip("/"), hugetlbfs=hugetlbfs)


def _page_size(options: str) -> int | None:
    for option in options.split(","):
        if match := _PAGESIZE.fullmatch(option):
            return int(match[1]) * _SUFFIXES[match[2]]
    return None
