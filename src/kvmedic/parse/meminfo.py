"""/proc/meminfo and /sys/devices/system/node/nodeN/meminfo (fs/proc/meminfo.c, drivers/base/node.c)."""

from __future__ import annotations

import re

from kvmedic.model.memory import Meminfo
from kvmedic.parse.lines import Line, after_the_end, numbered_lines
from kvmedic.units import from_kib

_ROW = re.compile(r"(?:Node +[0-9]+ +)?(?P<key>[^\s:]+):\s*(?P<number>[0-9]{1,20})(?P<unit> kB)?\s*")
_EXPECTED = "a row such as 'MemFree: 1234 kB'"


def parse_meminfo(text: str, source: str) -> Meminfo:
    """All rows, in bytes where the kernel says kB and as counts where it says nothing (HugePages_*).

    A node's file has the same rows behind "Node N ". A ParseError where a row is something else, where a
    key stands twice (two files glued together), or where MemTotal is not there.
    """
    bytes_of: dict[str, int] = {}
    counts: dict[str, int] = {}
    for line in numbered_lines(text, source):
        _take_row(line, bytes_of, counts)
    if "MemTotal" not in bytes_of:
        raise after_the_end(text, source, "a row MemTotal")
    return Meminfo(source=source, bytes_of=bytes_of, counts=counts)


def _take_row(line: Line, bytes_of: dict[str, int], counts: dict[str, int]) -> None:
    row = _ROW.fullmatch(line.text)
    if row is None:
        raise line.error(_EXPECTED)
    key = row["key"]
    if key in bytes_of or key in counts:
        raise line.error(f"{key} only once")
    if row["unit"]:
        bytes_of[key] = from_kib(int(row["number"]))
    else:
        counts[key] = int(row["number"])
