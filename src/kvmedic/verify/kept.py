"""What a remedy must not take away: before beside after. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from kvmedic.model.record import Record
from kvmedic.model.run import Kept, Measure
from kvmedic.units import MIB

TOLERANCE_PERCENT = 0.5
TOLERANCE_BYTES = 4 * MIB
"""A running guest touches pages, and QEMU frees buffers, between two readings."""
HOST_TOLERANCE_PERCENT = 5.0
HOST_TOLERANCE_BYTES = 64 * MIB
"""The host's page cache is everybody's: it moves while we look."""
GENTLE = ("release-stranded-memory", "compact-memory", "tune-host")
"""Remedies that promise to leave the guest's memory as it is."""
TAKING_CACHE = ("tune-host",)
"""A higher reserve is taken from the page cache: that is its cost, and told before."""
PAGE_CACHE = "page cache"


class _Pair(Record, frozen=True, kw_only=True):
    """A number before and after; ``explained_bytes`` of a fall have another cause than the remedy."""

    name: str
    before: int | None
    after: int | None
    is_worse_up: bool = False
    explained_bytes: int = 0
    percent: float = TOLERANCE_PERCENT
    least_bytes: int = TOLERANCE_BYTES


def kept(remedy: str, before: Measure, after: Measure) -> tuple[Kept, ...]:
    """RSS, huge pages, swap and file cache of the domain or host, where both sides are known.

    What the balloon took meanwhile is no loss: the guest gave it up.
    """
    if remedy not in GENTLE:
        return ()
    given_up = max(0, (before.actual_bytes or 0) - (after.actual_bytes or 0)) if after.actual_bytes else 0
    pairs = (
        _Pair(
            name="resident memory", before=before.rss_bytes, after=after.rss_bytes, explained_bytes=given_up
        ),
        _Pair(name="huge pages", before=before.thp_bytes, after=after.thp_bytes, explained_bytes=given_up),
        _Pair(name="swap", before=before.swap_bytes, after=after.swap_bytes, is_worse_up=True),
        _Pair(
            name="file cache of its group",
            before=before.group_cache_bytes,
            after=after.group_cache_bytes,
        ),
        _Pair(
            name=PAGE_CACHE,
            before=before.page_cache_bytes,
            after=after.page_cache_bytes,
            percent=HOST_TOLERANCE_PERCENT,
            least_bytes=HOST_TOLERANCE_BYTES,
        ),
    )
    return tuple(_rows(pairs))


def losses(remedy: str, rows: Iterable[Kept]) -> tuple[Kept, ...]:
    """What was lost although the remedy promised to leave it."""
    return tuple(
        row for row in rows if not row.is_kept and not (row.name == PAGE_CACHE and remedy in TAKING_CACHE)
    )


def _rows(pairs: Iterable[_Pair]) -> Iterable[Kept]:
    for pair in pairs:
        if pair.before is None or pair.after is None:
            continue
        rise = pair.after - pair.before
        lost = (rise if pair.is_worse_up else -rise) - pair.explained_bytes
        yield Kept(
            name=pair.name,
            before_bytes=pair.before,
            after_bytes=pair.after,
            change_percent=round(rise / pair.before * 100, 3) if pair.before else 0.0,
            is_kept=lost <= max(pair.before * pair.percent / 100, pair.least_bytes),
        )
