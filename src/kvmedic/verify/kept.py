"""What a remedy must not take away: before beside after. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from kvmedic.model.run import Kept, Measure
from kvmedic.units import MIB

TOLERANCE_PERCENT = 0.5
TOLERANCE_BYTES = 4 * MIB
"""A running guest touches pages, and QEMU frees buffers, between two readings."""
GENTLE = ("release-stranded-memory", "compact-memory", "tune-host")
"""Remedies that promise to leave the guest's memory as it is."""


def kept(remedy: str, before: Measure, after: Measure) -> tuple[Kept, ...]:
    """RSS, huge pages and swap of the domain or host, and the page cache, where both sides are known."""
    if remedy not in GENTLE:
        return ()
    pairs = (
        ("resident memory", before.rss_bytes, after.rss_bytes, False),
        ("huge pages", before.thp_bytes, after.thp_bytes, False),
        ("swap", before.swap_bytes, after.swap_bytes, True),
        ("page cache", before.page_cache_bytes, after.page_cache_bytes, False),
    )
    return tuple(_rows(pairs))


def _rows(pairs: Iterable[tuple[str, int | None, int | None, bool]]) -> Iterable[Kept]:
    for name, left, right, is_worse_up in pairs:
        if left is None or right is None:
            continue
        lost = right - left if is_worse_up else left - right
        percent = (right - left) / left * 100 if left else 0.0
        yield Kept(
            name=name,
            before_bytes=left,
            after_bytes=right,
            change_percent=round(percent, 3),
            is_kept=lost <= max(left * TOLERANCE_PERCENT / 100, TOLERANCE_BYTES),
        )
