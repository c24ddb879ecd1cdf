"""A daemon kills before the kernel would: earlyoom, which must be installed."""

from __future__ import annotations

import shutil

from kvmedic.errors import ActionRefusedError
from kvmedic.lab.scenario import Scenario
from kvmedic.lab.stage import Stage

SAY = (
    "sh -c '{program} -r 0 -m {percent} 2>&1 | while read -r line; do echo earlyoom: $line > /dev/kmsg; done'"
)


def bring_about(stage: Stage) -> None:
    """Let a guest take what it was promised while earlyoom watches; it speaks through the kernel's log."""
    program = shutil.which("earlyoom")
    if program is None:
        raise ActionRefusedError("earlyoom is not installed", hint="Install the package earlyoom.")
    free = stage.free_mib()
    stage.still("web-01", free * stage.pick(30, 22) // 100)
    stage.background(SAY.format(program=program, percent=stage.pick(15, 20)))
    stage.sleep(3)
    stage.still("db-02", free * 66 // 100, prealloc=False)
    stage.monitor("db-02", "qom-set /objects/pc.ram prealloc true")
    stage.wait_for_log("earlyoom: sending SIG")
    stage.sleep(3)
    stage.sh("kill $(pgrep -x earlyoom)")


SCENARIO = Scenario(
    id="userspace-oom",
    title="a daemon kills before the kernel does",
    bench="plain",
    seconds=40,
    bring_about=bring_about,
    ends_host=False,
    needs_full_record=False,
    proof_in="kernel",
    is_incident=True,
)
