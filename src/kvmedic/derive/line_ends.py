"""Counting line ends, where a log is so large that counting them costs as much as scanning it.

Every line of proof has a number, so every line end is counted. Measured (EPYC, Python 3.11): bytes.count 1.1
GB/s, numpy 13 GB/s; importing numpy takes 0.1 s, so small logs do without.
"""

from __future__ import annotations

from importlib import import_module
from typing import Final

from kvmedic.parse.logs.line_numbers import LineCounter, count_line_ends

LARGE_BYTES: Final = 96 << 20
FEW_BYTES: Final = 4096
_LINE_END: Final = 10


def line_counter(size_bytes: int | None) -> LineCounter:
    """What counts the line ends of a log of this size; ``None``: a stream whose size is not known."""
    if size_bytes is None or size_bytes < LARGE_BYTES:
        return count_line_ends
    numpy = import_module("numpy")

    def count(block: bytes, begin: int, end: int) -> int:
        if end - begin < FEW_BYTES:
            return count_line_ends(block, begin, end)
        view = numpy.frombuffer(block, numpy.uint8, max(end - begin, 0), begin)
        return int(numpy.count_nonzero(view == _LINE_END))

    return count
