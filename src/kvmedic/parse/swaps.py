"""/proc/swaps (mm/swapfile.c, swap_show): the swap areas in use."""

from __future__ import annotations

import re

from kvmedic.model.memory import Swap
from kvmedic.parse.lines import Line, after_the_end, numbered_lines
from kvmedic.units import from_kib

_OCTAL = re.compile(r"\\([0-7]{3})")


def parse_swaps(text: str, source: str) -> tuple[Swap, ...]:
    """Every swap area; none where only the heading stands there. Sizes come in KiB."""
    lines = numbered_lines(text, source)
    heading = next(lines, None)
    if heading is None:
        raise after_the_end(text, source, "a heading that begins with Filename")
    if heading.text.split()[0] != "Filename":
        raise heading.error("a heading that begins with Filename")
    return tuple(_parse_row(line) for line in lines)


def _parse_row(line: Line) -> Swap:
    words = line.text.rsplit(maxsplit=4)
    if len(words) != 5:
        raise line.error("name, type, size, used and priority")
    name, _, size, used, priority = words
    return Swap(
        name=_OCTAL.sub(lambda match: chr(int(match[1], 8)), name),
        size_bytes=from_kib(line.whole(size, "a size in KiB")),
        used_bytes=from_kib(line.whole(used, "a size in KiB")),
        priority=line.signed(priority, "a priority"),
    )
