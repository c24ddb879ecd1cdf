"""What an operator asks a source to collect."""

from __future__ import annotations

from typing import Literal

from kvmedic.model.record import Record

PageMapWish = Literal["none", "sampled", "full"]


class CollectRequest(Record, frozen=True, kw_only=True):
    """How much to read. ``interval_s`` 0 means: one reading only, so no rates.

    ``is_deep`` allows the costly files (pagetypeinfo, slabinfo, smaps_rollup), which take kernel locks.
    """

    is_deep: bool
    interval_s: float
    page_map: PageMapWish
