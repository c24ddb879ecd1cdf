"""atomic-reserve-low: a zone is below its min watermark, where only requests that may not wait are served.

Network cards and interrupts ask with GFP_ATOMIC: they cannot reclaim, and below min they live on a reserve
(mm/page_alloc.c, __zone_watermark_ok). When that is gone packets are dropped and the log says "page
allocation failure"; nothing is killed for it. /proc/zoneinfo's watermarks include the boost.
"""

from __future__ import annotations

from kvmedic.diagnose.readings import kernel_zones, sysctl_number
from kvmedic.diagnose.verdicts import LIKELY, because, cleared, finding, found, joined, lacking
from kvmedic.model.finding import Because, Cause, Judgement, Severity
from kvmedic.model.gap import Missing
from kvmedic.model.memory import Zone
from kvmedic.model.snapshot import Snapshot
from kvmedic.model.subjects import zone_subject
from kvmedic.model.zone_facts import ZoneFacts
from kvmedic.units import from_kib, human_bytes, pages_to_bytes

ID = "atomic-reserve-low"
REMEDIES = ("tune-host", "release-stranded-memory", "migrate-domain")


def examine(snapshot: Snapshot) -> Judgement:
    """Each zone that serves the kernel: free pages against min."""
    zones = snapshot.memory.zones
    if isinstance(zones, Missing):
        return lacking(zones)
    return joined(_judge(snapshot, facts) for facts in _main_zones(zones))


def _main_zones(zones: tuple[ZoneFacts, ...]) -> list[ZoneFacts]:
    """Per node the Normal zone, which serves first; DMA32 only where there is no Normal zone."""
    serving = kernel_zones(zones)
    normal_nodes = {zone.node for zone in serving if zone.zone == "Normal"}
    return [zone for zone in serving if zone.zone == "Normal" or zone.node not in normal_nodes]


def _judge(snapshot: Snapshot, facts: ZoneFacts) -> Judgement:
    zone = facts.zoneinfo
    if isinstance(zone, Missing):
        return lacking(zone)
    text = _reading(snapshot, zone)
    if zone.free_pages >= zone.min_pages:
        return cleared(text, "proc/zoneinfo")
    return found(
        finding(
            ID,
            zone_subject(zone.node, zone.zone),
            Severity.WARNING,
            LIKELY,
            summary=f"node {zone.node} zone {zone.zone} is below its min watermark: network cards live on "
            "the reserve",
            proof=[because(text, "proc/zoneinfo"), *_setting(snapshot)],
            remedies=REMEDIES,
        )
    )


def _reading(snapshot: Snapshot, zone: Zone) -> str:
    page = snapshot.memory.page_size_bytes
    free, least = pages_to_bytes(zone.free_pages, page), pages_to_bytes(zone.min_pages, page)
    return f"node {zone.node} zone {zone.zone}: {human_bytes(free)} free, min {human_bytes(least)}"


def _setting(snapshot: Snapshot) -> tuple[Because, ...]:
    kib = sysctl_number(snapshot, "vm.min_free_kbytes")
    if kib is None:
        return ()
    return (because(f"min_free_kbytes is {human_bytes(from_kib(kib))}", "proc/sys/vm/min_free_kbytes"),)


CAUSE = Cause(
    id=ID,
    title="The reserve for requests that cannot wait is in use",
    is_essential=False,
    judged="both",
    examine=examine,
)
