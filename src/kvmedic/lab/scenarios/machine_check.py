"""The processor reports memory errors (QEMU's mce command puts them into its banks)."""

from __future__ import annotations

from kvmedic.lab.scenario import Scenario
from kvmedic.lab.stage import Stage


def bring_about(stage: Stage) -> None:
    """An uncorrected ECC error of the memory controller (bank 4); the kernel stops, as it must."""
    stage.still("web-01", stage.pick(64, 90))
    status = stage.pick("0xbe00200000080813", "0xb600200000080a13")
    words = f"mce 0 4 {status} 0x5 0x{stage.pick('1f3a2000', '2b51c000')} 0x0"
    stage.expect_restart(lambda: stage.outer_monitor(words), end="panic")


SCENARIO = Scenario(
    id="machine-check",
    title="uncorrected memory errors",
    bench="verbose-console",
    seconds=60,
    bring_about=bring_about,
    ends_host=True,
    needs_full_record=False,
    proof_in="kernel",
    is_incident=True,
)
