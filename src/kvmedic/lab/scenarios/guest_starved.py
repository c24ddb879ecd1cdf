"""The host gives a guest no time for its CPUs: the guest's own kernel sees them locked up."""

from __future__ import annotations

import signal

from kvmedic.lab.domain_xml import GuestWish
from kvmedic.lab.scenario import Scenario
from kvmedic.lab.stage import Stage


def bring_about(stage: Stage) -> None:
    """Stop QEMU and its busy vCPUs for a while, as a host does that has no time for them."""
    guest = stage.lively("shop-05", GuestWish(memory_mib=256, vcpus=stage.pick(1, 2)))
    guest.agent.ask("sh (while :; do :; done) > /dev/null 2>&1 < /dev/null &", timeout_s=30)
    stage.sleep(5)
    pid = stage.sh(f"cat /run/libvirt/qemu/{guest.name}.pid").strip()
    stage.sh(f"kill -{signal.SIGSTOP.value} {pid}")
    stage.sleep(stage.pick(45, 60))
    stage.sh(f"kill -{signal.SIGCONT.value} {pid}")
    stage.sleep(8)
    log = guest.agent.ask("sh dmesg", timeout_s=60).text
    stage.must("soft lockup" in log or "stall" in log, log[-300:])
    stage.files["guest/dmesg"] = log.encode()


SCENARIO = Scenario(
    id="guest-starved",
    title="the host gives a guest no CPU time",
    bench="here",
    seconds=90,
    bring_about=bring_about,
    ends_host=False,
    needs_full_record=False,
    proof_in="guest",
    is_incident=True,
)
