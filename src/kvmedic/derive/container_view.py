"""Whether /proc/meminfo is the host's. In a container it may be that of the container, and smaller.

lxcfs shows each container its own meminfo and swaps; the zones it leaves as the kernel shows them.
"""

from __future__ import annotations

from collections.abc import Sequence

from kvmedic.model.gap import Missing, Reason
from kvmedic.model.memory import Meminfo, Zone
from kvmedic.units import human_bytes

LARGEST_DIFFERENCE = 0.1
"""MemTotal is the sum of the zones' managed pages (mm/page_alloc.c); memory that is being plugged in may
differ for a moment.
"""


def container_gap(
    meminfo: Meminfo | Missing, zones: Sequence[Zone] | Missing, page_size_bytes: int
) -> Missing | None:
    """The gap in the place of the host's memory; None unless the zones hold much more than meminfo says."""
    if isinstance(meminfo, Missing) or isinstance(zones, Missing):
        return None
    total = meminfo.get("MemTotal") or 0
    managed = sum(zone.managed_pages for zone in zones) * page_size_bytes
    if total >= managed * (1 - LARGEST_DIFFERENCE):
        return None
    detail = (
        f"it shows a container's {human_bytes(total)}, and the zones of the host hold {human_bytes(managed)}"
    )
    return Missing(source=meminfo.source, reason=Reason.DENIED, detail=detail)
