"""The file system under the images does not answer (frozen): QEMU's workers hang."""

from __future__ import annotations

from kvmedic.lab.scenario import Scenario
from kvmedic.lab.stage import Stage

WRITE = 'qemu-io -d /machine/peripheral/virtio-disk0/virtio-backend "write 0 20M"'


def bring_about(stage: Stage) -> None:
    """Freeze the file system, let QEMU write, wait for the kernel's report, thaw."""
    stage.sh("qemu-img create -q -f qcow2 /data/files.qcow2 200M")
    stage.still("files-03", 128, disk="/data/files.qcow2")
    stage.sh(f"echo {stage.pick(10, 15)} > /proc/sys/kernel/hung_task_timeout_secs; sync; fsfreeze -f /data")
    stage.monitor("files-03", WRITE)
    if stage.variant % 2:
        stage.background("touch /data/lock-file")
    try:
        stage.wait_for_log("blocked for more than", timeout_s=90)
    finally:
        stage.sh("fsfreeze -u /data")


SCENARIO = Scenario(
    id="storage-stall",
    title="the storage does not answer",
    bench="plain",
    seconds=60,
    bring_about=bring_about,
    ends_host=False,
    needs_full_record=False,
    proof_in="kernel",
    is_incident=True,
)
