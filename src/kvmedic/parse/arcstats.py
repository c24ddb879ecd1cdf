"""/proc/spl/kstat/zfs/arcstats of OpenZFS (module/zfs/arc.c): two lines of heading, then "name type data"."""

from __future__ import annotations

from collections.abc import Mapping

from kvmedic.parse.lines import after_the_end, numbered_lines

_EXPECTED = 'a heading "name type data"'


def parse_arcstats(text: str, source: str) -> Mapping[str, int]:
    """Every number by name; sizes ("size", "c_min", "c_max") are in bytes. ParseError without the heading."""
    lines = numbered_lines(text, source)
    found: dict[str, int] = {}
    is_past_heading = False
    for line in lines:
        words = line.text.split()
        if not is_past_heading:
            is_past_heading = words == ["name", "type", "data"]
            continue
        if len(words) != 3:
            raise line.error("a name, a type and a number")
        found[words[0]] = line.signed(words[2], "a name, a type and a number")
    if not is_past_heading:
        raise after_the_end(text, source, _EXPECTED)
    return found
