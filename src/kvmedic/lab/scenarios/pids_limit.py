"""The cgroup of the guests allows fewer tasks than a QEMU needs."""

from __future__ import annotations

from kvmedic.lab.scenario import Scenario
from kvmedic.lab.stage import Stage


def bring_about(stage: Stage) -> None:
    """Lower pids.max of the machine group below what runs plus one QEMU."""
    stage.still("web-01", 64)
    used = int(stage.sh("cat /sys/fs/cgroup/machine/pids.current"))
    stage.sh(f"echo {used + stage.pick(2, 1)} > /sys/fs/cgroup/machine/pids.max")
    stage.on_clear("echo max > /sys/fs/cgroup/machine/pids.max")
    complaint = stage.still("db-02", 64, vcpus=stage.pick(4, 8))
    stage.say(complaint.strip()[-200:])
    stage.wait_for_log("fork rejected by pids controller", timeout_s=10)


SCENARIO = Scenario(
    id="pids-limit",
    title="too few tasks allowed",
    bench="plain",
    seconds=20,
    bring_about=bring_about,
    ends_host=False,
    needs_full_record=False,
    proof_in="kernel",
    is_incident=True,
)
