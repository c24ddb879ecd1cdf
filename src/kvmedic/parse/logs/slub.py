"""A slab cache that could not grow (mm/slub.c: ``slab_out_of_memory``; mm/slab.c before 6.5)."""

from __future__ import annotations

import re

from kvmedic.model.memory_report import SlubFailure
from kvmedic.parse.logs.envelope import LogLine
from kvmedic.parse.logs.gfp import parse_gfp
from kvmedic.parse.logs.numbers import whole
from kvmedic.parse.logs.report import Collector, Context

_HEADER = re.compile(
    r"SL[UA]B: Unable to allocate memory on (?:CPU \d+ \(of node \d+\) on )?node (-?\d{1,5})"
)
_GFP = re.compile(r"gfp=(0x[0-9a-f]+(?:\([^)]{0,512}\))?)")
_CACHE = re.compile(r"\s*cache: (([^\s,(]{1,128})(\([^)]{0,256}\))?), +object size: (\d+)")
_NUMBERS = re.compile(r"(buffer size|default order|min order|order): (\d{1,9})")
_NODE = re.compile(r"\s*node \d+: slabs: ")


def open_slub(context: Context, line: LogLine) -> SlubCollector | None:
    """A collector where the line begins such a report."""
    return SlubCollector(context, line) if line.is_kernel and _HEADER.search(line.message) else None


class SlubCollector(Collector):
    """Collects the header, the cache's line and the nodes' lines."""

    tag = "slub-failure"
    patience = 4
    longest = 64

    def __init__(self, context: Context, line: LogLine) -> None:
        super().__init__(context, line)
        self._cache: re.Match[str] | None = None
        self._numbers: dict[str, int | None] = {}

    def claims(self, line: LogLine) -> bool:
        """Take a line of the report."""
        cache = _CACHE.match(line.message) if self._cache is None else None
        if cache is not None:
            self._cache = cache
            self._numbers = {key: whole(value) for key, value in _NUMBERS.findall(line.message)}
            self.keep(line)
        return cache is not None or _NODE.match(line.message) is not None

    def finish(self) -> SlubFailure:
        """The report, from whatever was taken."""
        header, cache = _HEADER.search(self.head.message), self._cache
        gfp = _GFP.search(self.head.message)
        return SlubFailure(
            at=self.at,
            host=self.head.host,
            lines=tuple(self.refs),
            node=whole(header[1]) if header else None,
            gfp=parse_gfp(gfp[1]) if gfp else None,
            cache=cache[2] if cache else None,
            memcg_cache=cache[1] if cache and cache[3] else None,
            object_bytes=whole(cache[4]) if cache else None,
            buffer_bytes=self._numbers.get("buffer size"),
            default_order=self._numbers.get("default order"),
            min_order=self._numbers.get("min order"),
        )
