"""QEMU may open fewer files than its disks need."""

from __future__ import annotations

from kvmedic.lab.scenario import Scenario
from kvmedic.lab.stage import Stage


def bring_about(stage: Stage) -> None:
    """Lower the limit of open files that libvirtd hands to its QEMUs."""
    stage.sh(f"prlimit --nofile={stage.pick(18, 14)}:{stage.pick(18, 14)} --pid $(pgrep -x virtlogd); true")
    stage.sh(
        "sed -i '/max_files/d' /etc/libvirt/qemu.conf;"
        f" echo 'max_files = {stage.pick(16, 13)}' >> /etc/libvirt/qemu.conf"
    )
    stage.restart_libvirtd()
    stage.on_clear("sed -i '/max_files/d' /etc/libvirt/qemu.conf")
    complaint = stage.still("db-02", 64)
    stage.say(complaint.strip()[-300:])
    stage.must("Too many open files" in complaint, complaint)


SCENARIO = Scenario(
    id="nofile-limit",
    title="too few files allowed",
    bench="plain",
    seconds=30,
    bring_about=bring_about,
    ends_host=True,
    needs_full_record=False,
    proof_in="qemu",
    is_incident=True,
)
