"""From chunks of bytes to candidate lines: whole lines in blocks, and one automaton over all patterns.

Measured (``benchmarks/log_scan``): one RE2 alternation without captures over blocks of a MiB is faster than
ripgrep with the same patterns. Lines that match nothing are never copied or decoded. Memory is bounded by
the block, whatever stands in the log: a line longer than ``LONGEST_LINE_BYTES`` is cut and the cut counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import re2

from kvmedic.parse.logs.patterns import PATTERNS

BLOCK_BYTES: Final = 256 << 10
"""So much stays in a CPU's second cache while it is joined, counted and scanned."""
LONGEST_LINE_BYTES: Final = 64 << 10
AUTOMATON_BYTES: Final = 64 << 20


class LineBlocks:
    """Cuts chunks of any size into blocks that end with a line end; counts bytes and lines cut short."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks
        self._carry = b""
        self._is_dropping = False
        self.bytes_total = 0
        self.lines_cut = 0

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self.bytes_total += len(chunk)
            for begin in range(0, len(chunk), BLOCK_BYTES):
                block = self._take(chunk, begin, min(begin + BLOCK_BYTES, len(chunk)))
                if block:
                    yield block
        if self._carry:
            yield self._carry + b"\n"

    def _take(self, chunk: bytes, begin: int, end: int) -> bytes:
        """Whole lines that are complete with this part of a chunk; the rest is carried over."""
        if self._is_dropping:
            begin = self._after_overlong(chunk, begin, end)
        cut = chunk.rfind(b"\n", begin, end) + 1
        if cut:
            block = b"".join((self._carry, memoryview(chunk)[begin:cut]))
            self._carry = chunk[cut:end]
            return block
        self._carry += chunk[begin:end]
        if len(self._carry) > BLOCK_BYTES:
            self._carry = self._carry[:LONGEST_LINE_BYTES]
            self._is_dropping = True
            self.lines_cut += 1
        return b""

    def _after_overlong(self, chunk: bytes, begin: int, end: int) -> int:
        """Where an overlong line ends; the end of this part while it still lasts."""
        at = chunk.find(b"\n", begin, end)
        self._is_dropping = at < 0
        return end if at < 0 else at


def _options(*, is_set: bool) -> Any:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.max_mem = AUTOMATON_BYTES
    options.log_errors = False
    options.never_capture = not is_set
    return options


class Scanner:
    """All patterns at once. Made once per log; compiling takes a few milliseconds."""

    def __init__(self, patterns: tuple[tuple[str, bytes], ...] = PATTERNS) -> None:
        alternation = b"|".join(b"(?:%s)" % pattern for _, pattern in patterns)
        self._any = re2.compile(alternation, _options(is_set=False))
        self._families = tuple(family for family, _ in patterns)
        self._set = re2.Set.SearchSet(_options(is_set=True))
        for _, pattern in patterns:
            self._set.Add(pattern)
        self._set.Compile()

    def next_hit(self, block: bytes, begin: int) -> int:
        """Offset in ``block``, from ``begin`` on, where a pattern matches; the block's length if nowhere."""
        match = self._any.search(block, begin)
        return len(block) if match is None else int(match.start())

    def families(self, line: bytes) -> tuple[str, ...]:
        """The families whose patterns match this line, in the order of the table, each once."""
        return tuple(dict.fromkeys(self._families[index] for index in sorted(self._set.Match(line))))
