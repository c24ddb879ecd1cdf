"""Which number a line has: the line ends before it, counted."""

from __future__ import annotations

from collections.abc import Callable

LineCounter = Callable[[bytes, int, int], int]
"""Line ends of a block from one offset up to another."""


def count_line_ends(block: bytes, begin: int, end: int) -> int:
    """The line ends of ``block`` from ``begin`` up to ``end``."""
    return block.count(b"\n", begin, end)
