"""What an operator wishes of a reading, from words to a request."""

from __future__ import annotations

from kvmedic.errors import UsageError
from kvmedic.model.request import CollectRequest, PageMapWish

LONGEST_INTERVAL_S = 3600.0


def collect_request(*, deep: bool, interval: float, page_map: PageMapWish) -> CollectRequest:
    """The request. UsageError for an interval that is no time to wait."""
    if not 0.0 <= interval <= LONGEST_INTERVAL_S:
        raise UsageError(
            f"--interval {interval:g} is no time to wait between two readings",
            hint="Give seconds from 0 (one reading, no rates) to 3600.",
        )
    return CollectRequest(is_deep=deep, interval_s=interval, page_map=page_map)
