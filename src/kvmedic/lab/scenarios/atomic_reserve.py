"""The reserve for requests that may not wait is small and runs dry."""

from __future__ import annotations

from kvmedic.lab.scenario import Scenario
from kvmedic.lab.stage import Stage


def bring_about(stage: Stage) -> None:
    """Fill the host nearly, then ask for small objects with GFP_ATOMIC faster than memory can be made free.

    Nobody needs to be killed: who asks so is told no.
    """
    stage.sh(f"echo {stage.pick(700, 900)} > /proc/sys/vm/min_free_kbytes")
    stage.still("web-01", stage.free_mib() - stage.pick(60, 50))
    stage.background(f"{stage.faults()} signals {stage.pick('vrrp-agent', 'ha-monitor')}")
    stage.wait_for_log("page allocation failure", timeout_s=90)


SCENARIO = Scenario(
    id="atomic-reserve",
    title="the reserve for atomic requests runs dry",
    bench="plain",
    seconds=40,
    bring_about=bring_about,
    ends_host=False,
    needs_full_record=False,
    proof_in="kernel",
    is_incident=True,
)
