"""vm.panic_on_oom is set: the kernel panics where it would have killed."""

from __future__ import annotations

from kvmedic.lab.scenario import Scenario
from kvmedic.lab.stage import Stage


def bring_about(stage: Stage) -> None:
    """Run out of memory with panic_on_oom; the host restarts by itself (panic=1)."""
    stage.sh(f"echo {stage.pick(1, 2)} > /proc/sys/vm/panic_on_oom")
    free = stage.free_mib()
    stage.still("web-01", free * 40 // 100)
    stage.still("db-02", free * 80 // 100, prealloc=False)
    stage.expect_restart(lambda: stage.monitor("db-02", "qom-set /objects/pc.ram prealloc true"), end="panic")


SCENARIO = Scenario(
    id="panic",
    title="panic_on_oom turns a shortage into a panic",
    bench="verbose-console",
    seconds=60,
    bring_about=bring_about,
    ends_host=True,
    needs_full_record=False,
    proof_in="kernel",
    is_incident=True,
)
