"""Every large host has a small DMA zone full of large blocks that ordinary requests never get."""

from __future__ import annotations

from field_samples import FIRST, SECOND
from kernel_texts import Zone, host_zones, oom, refusal, roomy_zone, syslog
from telling import top, why

from kvmedic.diagnose.post_mortem.said import SURE

DMA = Zone("DMA", 15, 0, 15, 16, 0, ((6, 1, "U"), (9, 1, "M"), (10, 3, "M")))
NO_RESERVE, RESERVE = "lowmem_reserve[]: 0 0 0 0", "lowmem_reserve[]: 0 2900 63900 63900"


def with_reserve(text: str) -> str:
    """The first zone of the report, DMA, is kept for those who can use no other."""
    return syslog(text.replace(NO_RESERVE, RESERVE, 1))


def test_blocks_behind_a_reserve_do_not_hide_that_memory_is_fragmented() -> None:
    refused = refusal("ovs-vswitchd", 4, "0x40cc0(GFP_KERNEL|__GFP_COMP)", (DMA, *roomy_zone(64000, 9000)))

    report = why(with_reserve(refused))

    assert top(report) == "memory-fragmented"
    assert report.findings[0].confidence == SURE


def test_blocks_in_a_zone_that_is_open_do() -> None:
    refused = refusal("ovs-vswitchd", 4, "0x40cc0(GFP_KERNEL|__GFP_COMP)", (DMA, *roomy_zone(64000, 9000)))

    report = why(syslog(refused))

    assert report.findings[0].confidence < SURE


def test_a_kill_for_a_block_is_fragmentation_where_only_the_dma_zone_has_any() -> None:
    kill = oom(
        (FIRST, SECOND), (DMA, *roomy_zone(64000, 9000)), order=3, gfp="0x40cc0(GFP_KERNEL|__GFP_COMP)"
    )

    assert top(why(with_reserve(kill))) == "memory-fragmented"


def test_a_host_without_memory_is_not_fragmented_because_its_dma_zone_is_untouched() -> None:
    refused = refusal("ovs-vswitchd", 4, "0x40cc0(GFP_KERNEL|__GFP_COMP)", (DMA, *host_zones(64000, 30)))

    report = why(with_reserve(refused))

    assert "memory-fragmented" not in {finding.cause for finding in report.findings}
