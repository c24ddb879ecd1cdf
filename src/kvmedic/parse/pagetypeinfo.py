"""/proc/pagetypeinfo (mm/vmstat.c, pagetypeinfo_show): free blocks and pageblocks by migratetype.

Which migratetypes there are depends on the kernel's configuration (CMA, memory isolation) and age, so they
are read from the rows. Every node with memory prints the whole text again, headings included. The kernel
stops counting at 100,000 blocks of a kind and prints ">100000".
"""

from __future__ import annotations

from collections.abc import Mapping

from kvmedic.model.memory import MigratetypeFreeArea, Pagetypeinfo
from kvmedic.parse.buddyinfo import split_zone
from kvmedic.parse.lines import Line, after_the_end, numbered_lines

_ORDER = "Page block order:"
_BLOCKS = "Number of blocks type"
_MIXED = "Number of mixed blocks"
_PASSED_OVER = ("Pages per block:", "Free pages count per migrate type")
_FREE_ROW = "a row such as 'Node 0, zone Normal, type Movable 1 2 3'"


def parse_pagetypeinfo(text: str, source: str) -> Pagetypeinfo:
    """Free blocks by zone, migratetype and order, and pageblocks by zone and type.

    The table "Number of mixed blocks" needs page_owner=on and is passed over. A ParseError where a table is
    cut or rows have different numbers of orders.
    """
    tables = _Tables()
    for line in numbered_lines(text, source):
        tables.take(line)
    if tables.order is None or not tables.pageblocks:
        raise after_the_end(text, source, _ORDER if tables.order is None else _BLOCKS)
    return Pagetypeinfo(
        pageblock_order=tables.order, free=tuple(tables.free), pageblocks=tuple(tables.pageblocks)
    )


class _Tables:
    """The rows read so far, and in which table the next one stands."""

    def __init__(self) -> None:
        self.order: int | None = None
        self.free: list[MigratetypeFreeArea] = []
        self.pageblocks: list[tuple[int, str, Mapping[str, int]]] = []
        self._types: list[str] = []
        self._is_mixed = False

    def take(self, line: Line) -> None:
        """Put one line into the table it belongs to."""
        if line.text.startswith(_ORDER):
            self._begin(line)
        elif self.order is None:
            raise line.error(_ORDER)
        elif line.text.startswith(_BLOCKS):
            self._types = line.text.removeprefix(_BLOCKS).split()
        elif line.text.startswith(_MIXED):
            self._is_mixed = True
        elif not self._is_mixed and not line.text.startswith(_PASSED_OVER):
            self._take_row(line)

    def _begin(self, line: Line) -> None:
        order = line.whole(line.text.removeprefix(_ORDER).strip(), "an order")
        if self.order not in {None, order}:
            raise line.error(f"order {self.order}, as for the first node")
        self.order, self._types, self._is_mixed = order, [], False

    def _take_row(self, line: Line) -> None:
        if self._types:
            self.pageblocks.append(_pageblocks(line, self._types))
        else:
            self.free.append(_free_row(line, len(self.free[0].free_blocks) if self.free else None))


def _free_row(line: Line, orders: int | None) -> MigratetypeFreeArea:
    node, zone, words = split_zone(line, _FREE_ROW)
    if len(words) < 3 or words[0] != "type":
        raise line.error(_FREE_ROW)
    counts = words[2:]
    if orders is not None and len(counts) != orders:
        raise line.error(f"{orders} orders, as in the first row")
    return MigratetypeFreeArea(
        node=node,
        zone=zone,
        migratetype=words[1],
        free_blocks=tuple(line.whole(count.removeprefix(">"), "free blocks by order") for count in counts),
        lower_bounds=tuple(order for order, count in enumerate(counts) if count.startswith(">")),
    )


def _pageblocks(line: Line, types: list[str]) -> tuple[int, str, Mapping[str, int]]:
    node, zone, counts = split_zone(line, "pageblocks by type")
    if len(counts) != len(types):
        raise line.error(f"{len(types)} numbers of pageblocks")
    by_type = zip(types, counts, strict=True)
    return node, zone, {kind: line.whole(count, "pageblocks") for kind, count in by_type}
