"""/proc/zoneinfo (mm/vmstat.c, zoneinfo_show_print): every zone of every node, in pages.

Grew over time, so every row is taken by its name: boost (5.11), promo (by 6.12), pagesets' high_min and
high_max (by 6.18), reserved_highatomic and free_highatomic at the end (7.x). An unpopulated zone stops after
"protection". Statistics of a whole node stand below its first populated zone, under "per-node stats".
"""

from __future__ import annotations

import re

from kvmedic.errors import ParseError
from kvmedic.model.memory import Zone
from kvmedic.parse.buddyinfo import split_zone
from kvmedic.parse.lines import Line, after_the_end, numbered_lines

_HEADER = "a heading such as 'Node 0, zone   Normal'"
_ROW = "a name and a number"
_PAGESET_ROW = re.compile(
    r"\s*(?:cpu|count|high|batch|high_min|high_max|vm stats threshold):\s*(-?[0-9]{1,20})\s*"
)
_REQUIRED = ("free", "min", "low", "high", "spanned", "present", "managed")


def parse_zoneinfo(text: str, source: str) -> tuple[Zone, ...]:
    """The zones in the order of the file, unpopulated ones too (``present_pages`` 0).

    A ParseError where a zone lacks one of free, min, low, high, spanned, present, managed: the text is cut.
    """
    zones: list[Zone] = []
    open_zone: _OpenZone | None = None
    for line in numbered_lines(text, source):
        if line.text.startswith("Node"):
            if open_zone:
                zones.append(open_zone.close())
            open_zone = _OpenZone(line)
        elif open_zone is None:
            raise line.error(_HEADER)
        else:
            open_zone.take(line)
    if open_zone is None:
        raise after_the_end(text, source, _HEADER)
    return (*zones, open_zone.close())


class _OpenZone:
    """A zone whose rows are still being read."""

    def __init__(self, heading: Line) -> None:
        self._heading = heading
        self._node, self._zone, rest = split_zone(heading, _HEADER)
        if rest:
            raise heading.error(_HEADER)
        self._rows: dict[str, int] = {}
        self._node_rows: dict[str, int] = {}
        self._into = self._rows
        self._protection: tuple[int, ...] = ()
        self._pcp_pages = 0
        self._in_pagesets = False

    def take(self, line: Line) -> None:
        """Put one row where it belongs."""
        row = line.text.strip()
        if self._in_pagesets and (match := _PAGESET_ROW.fullmatch(line.text)):
            if row.startswith("count:"):
                self._pcp_pages += int(match[1])
        elif row == "per-node stats":
            self._into = self._node_rows
        elif row == "pagesets":
            self._in_pagesets = True
        elif row.startswith("protection:"):
            self._protection = _numbers_in_brackets(line, row)
        else:
            self._take_counter(line, row)

    def _take_counter(self, line: Line, row: str) -> None:
        if row.isdecimal():
            return  # some kernels (4.18 to 5.3) keep the name of one counter to themselves
        name, _, number = row.rpartition(" ")
        name = name.rstrip().rstrip(":")
        if name.startswith("pages "):
            self._into = self._rows
            name = name.removeprefix("pages ").strip()
        if not name or " " in name:
            raise line.error(_ROW)
        self._into[name] = line.signed(number, _ROW)

    def close(self) -> Zone:
        """The finished record."""
        rows = self._rows
        for name in _REQUIRED:
            if name not in rows:
                raise self._lacks(name)
        return Zone(
            node=self._node,
            zone=self._zone,
            free_pages=rows["free"],
            min_pages=rows["min"],
            low_pages=rows["low"],
            high_pages=rows["high"],
            spanned_pages=rows["spanned"],
            present_pages=rows["present"],
            managed_pages=rows["managed"],
            protection_pages=self._protection,
            start_pfn=rows.get("start_pfn"),
            pcp_pages=self._pcp_pages,
            counters={name: count for name, count in rows.items() if name not in _NAMED},
            node_counters=self._node_rows,
        )

    def _lacks(self, name: str) -> ParseError:
        return self._heading.error(f"a row {name!r} below this heading")


_NAMED = frozenset((*_REQUIRED, "start_pfn"))


def _numbers_in_brackets(line: Line, row: str) -> tuple[int, ...]:
    inner = row.removeprefix("protection:").strip()
    if not (inner.startswith("(") and inner.endswith(")")):
        raise line.error("protection: (…)")
    return tuple(line.whole(word.strip(), "a number of pages") for word in inner[1:-1].split(","))
