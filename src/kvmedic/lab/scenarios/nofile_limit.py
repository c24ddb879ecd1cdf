"""QEMU may open fewer files than its disks need."""

from __future__ import annotations

from kvmedic.lab.scenario import Scenario
from kvmedic.lab.stage import Stage

LIMIT = """
pid=$(cat /run/libvirt/qemu/db-02.pid)
open=$(ls /proc/$pid/fd | wc -l)
prlimit --pid "$pid" --nofile=$open:$open
"""


def bring_about(stage: Stage) -> None:
    """Leave a QEMU no more files than it has open, then give its guest more disks."""
    stage.still("db-02", stage.pick(64, 96))
    stage.sh(LIMIT)
    said = ""
    for letter in "bcdefgh":
        stage.sh(f"truncate -s 1M /var/lib/libvirt/{letter}.img")
        disk = f"/var/lib/libvirt/{letter}.img vd{letter} --targetbus virtio"
        said += stage.sh(f"virsh -q attach-disk db-02 {disk} 2>&1")
    stage.must("Too many open files" in said, said)


SCENARIO = Scenario(
    id="nofile-limit",
    title="too few files allowed",
    bench="here",
    seconds=30,
    bring_about=bring_about,
    ends_host=False,
    needs_full_record=False,
    proof_in="state",
    is_incident=True,
)
