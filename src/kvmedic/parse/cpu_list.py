"""The kernel's lists of CPUs and NUMA nodes ("0-3,8"; lib/bitmap.c, bitmap_list_string)."""

from __future__ import annotations

import re

from kvmedic.parse.lines import Line, numbered_lines

_RANGE = re.compile(r"([0-9]{1,6})(?:-([0-9]{1,6}))?")
_EXPECTED = "a list such as 0-3,8"


def parse_cpu_list(text: str, source: str) -> str:
    """The list as it stands, once it is known to be one; empty where the file is (a node without CPUs)."""
    for line in numbered_lines(text, source):
        for part in line.text.strip().split(","):
            _check_range(line, part)
        return line.text.strip()
    return ""


def count_of_list(listed: str) -> int:
    """How many numbers a list that ``parse_cpu_list`` accepted holds."""
    ranges = (part.partition("-") for part in listed.split(",") if part)
    return sum(int(last or first) - int(first) + 1 for first, _, last in ranges)


def _check_range(line: Line, part: str) -> None:
    match = _RANGE.fullmatch(part)
    if match is None or int(match[2] or match[1]) < int(match[1]):
        raise line.error(_EXPECTED)
