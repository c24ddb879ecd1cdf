"""The kernel itself takes the memory: objects of a slab cache that nobody gives back."""

from __future__ import annotations

from kvmedic.lab.scenario import Scenario
from kvmedic.lab.stage import Stage


def bring_about(stage: Stage) -> None:
    """Messages that nobody receives fill slab until the kernel must kill, and it kills a QEMU.

    What that gives back is enough for the rest of them: the host lives on.
    """
    free = stage.free_mib()
    stage.still("web-01", free * stage.pick(25, 30) // 100)
    stage.sh("echo 1000000000 > /proc/sys/net/core/wmem_max")
    stage.background(f"{stage.faults()} slab {free * 88 // 100} {stage.pick('log-shipper', 'telemetryd')}")
    stage.wait_for_log("Out of memory: Killed process")


SCENARIO = Scenario(
    id="kernel-growth",
    title="kernel memory grows until the host has none",
    bench="plain",
    seconds=30,
    bring_about=bring_about,
    ends_host=False,
    needs_full_record=False,
    proof_in="kernel",
    is_incident=True,
)
