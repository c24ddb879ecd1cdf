"""/proc/buddyinfo (mm/vmstat.c, frag_show_print): free blocks by order, a row for each populated zone."""

from __future__ import annotations

from kvmedic.model.memory import FreeArea
from kvmedic.parse.lines import Line, after_the_end, numbered_lines

_EXPECTED = "a row such as 'Node 0, zone   Normal   1 2 3'"


def parse_buddyinfo(text: str, source: str) -> tuple[FreeArea, ...]:
    """Free blocks (not pages) by order. The number of orders is the row's own: 11 on x86, others elsewhere.

    A ParseError where rows have different numbers of orders: then one of them is cut.
    """
    areas: list[FreeArea] = []
    for line in numbered_lines(text, source):
        area = _parse_row(line)
        if areas and len(area.free_blocks) != len(areas[0].free_blocks):
            raise line.error(f"{len(areas[0].free_blocks)} orders, as in the first row")
        areas.append(area)
    if not areas:
        raise after_the_end(text, source, _EXPECTED)
    return tuple(areas)


def split_zone(line: Line, expected: str) -> tuple[int, str, list[str]]:
    """Node, zone and the words after them of a row "Node N, zone NAME …"."""
    words = line.text.split()
    if len(words) < 4 or words[0] != "Node" or words[2] != "zone" or not words[1].endswith(","):
        raise line.error(expected)
    return line.whole(words[1][:-1], expected), words[3].rstrip(","), words[4:]


def _parse_row(line: Line) -> FreeArea:
    node, zone, words = split_zone(line, _EXPECTED)
    if not words:
        raise line.error(_EXPECTED)
    blocks = tuple(line.whole(word, "free blocks by order") for word in words)
    return FreeArea(node=node, zone=zone, free_blocks=blocks)
