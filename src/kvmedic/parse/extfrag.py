"""debugfs extfrag/extfrag_index and extfrag/unusable_index (mm/vmstat.c): the kernel's own indices."""

from __future__ import annotations

import re

from kvmedic.model.memory import ZoneIndex
from kvmedic.parse.buddyinfo import split_zone
from kvmedic.parse.lines import Line, numbered_lines

_THOUSANDTHS = re.compile(r"(-?[0-9]{1,9})\.(-?[0-9]{1,3})")
_EXPECTED = "a row such as 'Node 0, zone   Normal -1.000 0.967'"


def parse_extfrag(text: str, source: str) -> tuple[ZoneIndex, ...]:
    """Index by order for each zone, in thousandths, as the kernel computes them.

    The kernel prints quotient and remainder of a signed division, so −1000 is "-1.000" and −500 "0.-500".
    An empty file is a host without populated zones on any node with memory: no rows.
    """
    return tuple(_parse_row(line) for line in numbered_lines(text, source))


def _parse_row(line: Line) -> ZoneIndex:
    node, zone, words = split_zone(line, _EXPECTED)
    return ZoneIndex(node=node, zone=zone, thousandths=tuple(_thousandths(line, word) for word in words))


def _thousandths(line: Line, word: str) -> int:
    match = _THOUSANDTHS.fullmatch(word)
    if match is None:
        raise line.error(_EXPECTED)
    whole, rest = int(match[1]), int(match[2])
    return whole * 1000 - rest if whole < 0 else whole * 1000 + rest
