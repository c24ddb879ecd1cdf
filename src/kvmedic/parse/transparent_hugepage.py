"""/sys/kernel/mm/transparent_hugepage (mm/huge_memory.c): settings of one word, sizes in directory names."""

from __future__ import annotations

import re

from kvmedic.parse.lines import only_line
from kvmedic.units import from_kib

_CHOSEN = re.compile(r"\[([^\[\]\s]+)\]")
_DIRECTORY = re.compile(r"hugepages-([0-9]{1,12})kB")


def parse_setting(text: str, source: str) -> str:
    """The chosen word of a list ("always [madvise] never" → "madvise"), or the line of a plain value."""
    line = only_line(text, source, "a setting")
    chosen = _CHOSEN.findall(line.text)
    if len(chosen) > 1:
        raise line.error("one word in brackets")
    return str(chosen[0]) if chosen else line.text.strip()


def size_of_directory(name: str) -> int | None:
    """The size in bytes that a directory such as "hugepages-2048kB" is about; None for other names."""
    match = _DIRECTORY.fullmatch(name)
    return from_kib(int(match[1])) if match else None
