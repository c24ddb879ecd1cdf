"""The processor corrects a memory error by itself: logged, and no failure. A decoy."""

from __future__ import annotations

from kvmedic.lab.scenario import Scenario
from kvmedic.lab.stage import Stage

CHECK_INTERVAL = "/sys/devices/system/machinecheck/machinecheck0/check_interval"


def bring_about(stage: Stage) -> None:
    """A corrected error of a memory bank, decoded by the kernel."""
    stage.sh(f"modprobe edac_mce_amd; echo 2 > {CHECK_INTERVAL}")
    stage.outer_monitor(f"mce 0 4 0x9c00400000080{stage.pick(813, 863)} 0x0 0x1b3f{stage.variant}000 0x0")
    stage.wait_for_log("Hardware Error|mce:", timeout_s=60)


SCENARIO = Scenario(
    id="corrected-error",
    title="a corrected memory error (a decoy)",
    bench="plain",
    seconds=20,
    bring_about=bring_about,
    ends_host=False,
    needs_full_record=False,
    proof_in="kernel",
    is_incident=False,
)
