"""A guest runs into what KVM cannot emulate: KVM gives up, QEMU stops the guest."""

from __future__ import annotations

from kvmedic.lab.scenario import Scenario
from kvmedic.lab.stage import Stage

JUMP_TO_NO_MEMORY = bytes.fromhex("ea000000a0")
FIRMWARE_BYTES, RESET_VECTOR = 65536, 65520


def bring_about(stage: Stage) -> None:
    """Give a guest a firmware that jumps to where there is no memory, and let it run."""
    firmware = bytearray(FIRMWARE_BYTES)
    firmware[RESET_VECTOR : RESET_VECTOR + len(JUMP_TO_NO_MEMORY)] = JUMP_TO_NO_MEMORY
    path = stage.host.put("firmware.bin", bytes(firmware))
    stage.still("web-01", stage.pick(64, 90), firmware=str(path))
    stage.monitor("web-01", "cont")
    log = "tail -n 40 /var/log/libvirt/qemu/web-01.log"
    stage.sleep(15)
    stage.must("KVM internal error" in stage.sh(log), stage.sh(f"{log}; cat /tmp/background.out"))


SCENARIO = Scenario(
    id="guest-stopped",
    title="KVM cannot go on with a guest",
    bench="plain",
    seconds=30,
    bring_about=bring_about,
    ends_host=False,
    needs_full_record=False,
    proof_in="qemu",
    is_incident=True,
)
