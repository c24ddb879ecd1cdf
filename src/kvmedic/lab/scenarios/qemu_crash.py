"""QEMU dies of a fault of its own."""

from __future__ import annotations

from kvmedic.lab.scenario import Scenario
from kvmedic.lab.stage import Stage


def bring_about(stage: Stage) -> None:
    """SIGABRT as after a failed assertion, or SIGSEGV, with the kernel's line where it writes one."""
    stage.still("web-01", 120)
    stage.sleep(3)
    stage.sh("echo 1 > /proc/sys/kernel/print-fatal-signals")
    stage.sh(f"kill -{stage.pick('ABRT', 'SEGV')} $(cat /run/libvirt/qemu/web-01.pid)")
    stage.sleep(3)


SCENARIO = Scenario(
    id="qemu-crash",
    title="QEMU crashes",
    bench="plain",
    seconds=20,
    bring_about=bring_about,
    ends_host=False,
    needs_full_record=False,
    proof_in="qemu",
    is_incident=True,
)
