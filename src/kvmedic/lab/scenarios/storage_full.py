"""The file system under the image is full: QEMU pauses the guest."""

from __future__ import annotations

from kvmedic.lab.domain_xml import GuestWish
from kvmedic.lab.scenario import Scenario
from kvmedic.lab.stage import Stage, try_quietly


def bring_about(stage: Stage) -> None:
    """A guest writes more than the file system under its image can take."""
    guest = stage.lively("files-04", GuestWish(memory_mib=192, disk_mib=1500))
    stage.sh("fallocate -l $(($(df -B1 --output=avail /data | tail -1) - 30000000)) /data/other.img")
    try_quietly(lambda: guest.agent.ask("sh dd if=/dev/zero of=/dev/vda bs=1M count=400", timeout_s=20))
    stage.wait_for_state(guest.name, "I/O error")


SCENARIO = Scenario(
    id="storage-full",
    title="the file system under an image is full",
    bench="plain",
    seconds=90,
    bring_about=bring_about,
    ends_host=False,
    needs_full_record=True,
    proof_in="state",
    is_incident=True,
)
