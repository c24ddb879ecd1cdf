"""The processor reports memory errors (QEMU's mce command puts them into its banks)."""

from __future__ import annotations

from kvmedic.lab.scenario import Scenario
from kvmedic.lab.stage import Stage


def bring_about(stage: Stage) -> None:
    """Uncorrected errors of a memory bank; the host logs them."""
    stage.still("web-01", 100)
    status = stage.pick("0xbc00000000000090", "0xb400000000000136")
    stage.sh("echo 3 > /sys/devices/system/machinecheck/machinecheck0/tolerant 2>/dev/null")
    for bank in range(stage.pick(1, 2)):
        stage.outer_monitor(f"mce 0 {4 + bank} {status} 0x0 0x{4096 * (7000 + bank):x} 0x8c")
    stage.wait_for_log("Hardware Error|Machine check|mce:", timeout_s=330)


SCENARIO = Scenario(
    id="machine-check",
    title="uncorrected memory errors",
    bench="plain",
    seconds=60,
    bring_about=bring_about,
    ends_host=True,
    needs_full_record=False,
    proof_in="kernel",
    is_incident=True,
)
