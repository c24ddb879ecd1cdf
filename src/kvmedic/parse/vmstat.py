"""/proc/vmstat (mm/vmstat.c): counters and levels by name; which ones exist differs by kernel."""

from __future__ import annotations

from collections.abc import Mapping

from kvmedic.parse.lines import after_the_end, numbered_lines


def parse_vmstat(text: str, source: str) -> Mapping[str, int]:
    """Every "name number" row. Levels are in pages, events are totals since boot."""
    found: dict[str, int] = {}
    for line in numbered_lines(text, source):
        words = line.text.split()
        if len(words) != 2:
            raise line.error("a name and a number")
        name, number = words
        if name in found:
            raise line.error(f"{name} only once")
        found[name] = line.signed(number, "a name and a number")
    if not found:
        raise after_the_end(text, source, "a name and a number")
    return found
