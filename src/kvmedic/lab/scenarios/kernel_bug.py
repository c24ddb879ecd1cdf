"""KVM runs into a fault of the kernel: an oops in a vCPU's thread, and the guest stands still."""

from __future__ import annotations

from kvmedic.lab.scenario import Scenario
from kvmedic.lab.stage import Stage

WRITE_TO_ADDRESS_ZERO, INVALID_OPCODE = "31c08900", "0f0b"
FUNCTION = "kvm_arch_vcpu_ioctl_run"


def bring_about(stage: Stage) -> None:
    """Put a bad instruction where KVM enters a guest, and let the guest run."""
    stage.still("web-01", stage.pick(64, 90))
    stage.poke(FUNCTION, stage.pick(WRITE_TO_ADDRESS_ZERO, INVALID_OPCODE))
    stage.monitor("web-01", "cont")
    stage.wait_for_log("end trace", timeout_s=60)


SCENARIO = Scenario(
    id="kernel-bug",
    title="a fault of the kernel under a guest",
    bench="plain",
    seconds=40,
    bring_about=bring_about,
    ends_host=True,
    needs_full_record=False,
    proof_in="kernel",
    is_incident=True,
)
