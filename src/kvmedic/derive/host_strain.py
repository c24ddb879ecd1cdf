"""Whether a host is in such need that no costly reading should start on it now."""

from __future__ import annotations

from kvmedic.derive.reading import read_with
from kvmedic.model.evidence import Evidence
from kvmedic.model.gap import Missing
from kvmedic.parse.pressure import parse_pressure
from kvmedic.parse.zoneinfo import parse_zoneinfo

_STALLED_PERCENT = 10.0


def is_host_strained(evidence: Evidence) -> str | None:
    """Why no costly reading should start on this host now, or None: tasks stall on memory, or a zone is low.

    What cannot be read is no reason: a kernel without PSI is not strained for that.
    """
    return _stalled(evidence) or _below_low_watermark(evidence)


def _stalled(evidence: Evidence) -> str | None:
    pressure = read_with(evidence, "proc/pressure/memory", parse_pressure)
    if isinstance(pressure, Missing) or pressure.full is None:
        return None
    percent = pressure.full.avg10_percent
    return (
        f"all tasks stalled on memory for {percent:.0f} % of the last 10 s"
        if percent >= _STALLED_PERCENT
        else None
    )


def _below_low_watermark(evidence: Evidence) -> str | None:
    zones = read_with(evidence, "proc/zoneinfo", parse_zoneinfo)
    if isinstance(zones, Missing):
        return None
    low = next((zone for zone in zones if zone.managed_pages and zone.free_pages < zone.low_pages), None)
    return f"zone {low.zone} of node {low.node} is below its low watermark" if low else None
