"""Stranded memory of one domain by every method that could be used, and why the best one could not."""

from __future__ import annotations

from kvmedic.model.domain import StrandedReading
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.page_map import DomainPages, PageMap

NOT_RUNNING = Missing(
    source="stranded memory", reason=Reason.NOT_COLLECTED, detail="the domain is not running"
)


def derive_stranded(
    page_map: PageMap | Missing, name: str, pid: int, by_accounting: StrandedReading | Missing
) -> tuple[tuple[StrandedReading, ...], Missing | None]:
    """The readings, the page map's first, and why a method gave none (both, where neither did)."""
    methods = (_by_page_map(page_map, name, pid), by_accounting)
    readings = tuple(method for method in methods if not isinstance(method, Missing))
    gaps = [method for method in methods if isinstance(method, Missing)]
    if len(gaps) == len(methods):
        detail = "; ".join(map(str, gaps))
        return readings, Missing(source="stranded memory", reason=gaps[-1].reason, detail=detail)
    return readings, gaps[0] if gaps else None


def _by_page_map(page_map: PageMap | Missing, name: str, pid: int) -> StrandedReading | Missing:
    if isinstance(page_map, Missing):
        return page_map
    row = _row(page_map, pid)
    if row is None:
        detail = f"the page map did not look at {name}"
        return Missing(source="page map", reason=Reason.NOT_COLLECTED, detail=detail)
    if isinstance(row.stranded_bytes, Missing):
        return row.stranded_bytes
    return StrandedReading(
        method="page-map" if page_map.method == "full" else "sampled-page-map",
        bytes=row.stranded_bytes,
        blocks=None if isinstance(row.stranded_blocks, Missing) else row.stranded_blocks,
        error_bytes=row.error_bytes,
    )


def _row(page_map: PageMap, pid: int) -> DomainPages | None:
    """By pid: names are not unique, and a map's are what its reader knew the processes by."""
    return next((row for row in page_map.domains if row.pid == pid), None)
