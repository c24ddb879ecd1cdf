"""/proc/pagetypeinfo (mm/vmstat.c, pagetypeinfo_show): free blocks and pageblocks by migratetype.

Which migratetypes there are depends on the kernel's configuration (CMA, memory isolation) and age, so they
are read from the rows. The kernel stops counting at 100,000 blocks of a kind and prints ">100000".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kvmedic.model.memory import MigratetypeFreeArea, Pagetypeinfo
from kvmedic.parse.buddyinfo import split_zone
from kvmedic.parse.lines import Line, after_the_end, numbered_lines

_ORDER = "Page block order:"
_BLOCKS = "Number of blocks type"
_MIXED = "Number of mixed blocks"
_FREE_ROW = "a row such as 'Node 0, zone Normal, type Movable 1 2 3'"


def parse_pagetypeinfo(text: str, source: str) -> Pagetypeinfo:
    """Free blocks by zone, migratetype and order, then pageblocks by zone and type.

    The last table, "Number of mixed blocks", needs page_owner=on and is passed over.
    """
    lines = numbered_lines(text, source)
    first = next(lines, None)
    if first is None or not first.text.startswith(_ORDER):
        raise first.error(_ORDER) if first else after_the_end(text, source, _ORDER)
    order = first.whole(first.text.removeprefix(_ORDER).strip(), "an order")
    free: list[MigratetypeFreeArea] = []
    for line in lines:
        if line.text.startswith(_BLOCKS):
            blocks = tuple(_pageblocks(lines, line.text.removeprefix(_BLOCKS).split()))
            return Pagetypeinfo(pageblock_order=order, free=tuple(free), pageblocks=blocks)
        if line.text.startswith("Node"):
            free.append(_free_row(line, free))
        elif not line.text.startswith(("Pages per block:", "Free pages count per migrate type")):
            raise line.error(_FREE_ROW)
    raise after_the_end(text, source, _BLOCKS)


def _free_row(line: Line, before: list[MigratetypeFreeArea]) -> MigratetypeFreeArea:
    node, zone, words = split_zone(line, _FREE_ROW)
    if len(words) < 3 or words[0] != "type":
        raise line.error(_FREE_ROW)
    counts = words[2:]
    if before and len(counts) != len(before[0].free_blocks):
        raise line.error(f"{len(before[0].free_blocks)} orders, as in the first row")
    return MigratetypeFreeArea(
        node=node,
        zone=zone,
        migratetype=words[1],
        free_blocks=tuple(line.whole(count.removeprefix(">"), "free blocks by order") for count in counts),
        lower_bounds=tuple(order for order, count in enumerate(counts) if count.startswith(">")),
    )


def _pageblocks(lines: Iterator[Line], types: list[str]) -> Iterator[tuple[int, str, Mapping[str, int]]]:
    for line in lines:
        if line.text.startswith(_MIXED):
            return
        node, zone, counts = split_zone(line, "pageblocks by type")
        if len(counts) != len(types):
            raise line.error(f"{len(types)} numbers of pageblocks")
        yield (
            node,
            zone,
            {kind: line.whole(count, "pageblocks") for kind, count in zip(types, counts, strict=True)},
        )
