"""The kernel panics (sysrq c stands for a fault of the kernel)."""

from __future__ import annotations

from kvmedic.lab.scenario import Scenario
from kvmedic.lab.stage import Stage


def bring_about(stage: Stage) -> None:
    """Crash the host; it restarts by itself."""
    stage.still("web-01", stage.pick(64, 90))
    stage.expect_restart(
        lambda: stage.sh("echo 1 > /proc/sys/kernel/sysrq; echo c > /proc/sysrq-trigger", timeout_s=5),
        end="panic",
    )


SCENARIO = Scenario(
    id="host-crash",
    title="the kernel of the host panics",
    bench="verbose-console",
    seconds=60,
    bring_about=bring_about,
    ends_host=True,
    needs_full_record=False,
    proof_in="kernel",
    is_incident=True,
)
