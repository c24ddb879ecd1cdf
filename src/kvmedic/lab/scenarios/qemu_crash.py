"""QEMU dies of a fault of its own."""

from __future__ import annotations

from kvmedic.lab.scenario import Scenario
from kvmedic.lab.stage import Stage

BREAK = """
python3 - <<'END'
pid = int(open('/run/libvirt/qemu/web-01.pid').read())
where = int(open(f'/proc/{pid}/syscall').read().split()[-1], 16)
with open(f'/proc/{pid}/mem', 'r+b', buffering=0) as memory:
    memory.seek(where)
    memory.write(bytes.fromhex('CODE'))
END
timeout 20 virsh -q qemu-monitor-command web-01 --hmp 'info status' 2>&1
"""
WRITE_TO_ADDRESS_ZERO, INVALID_OPCODE = "31c08900", "0f0b"


def bring_about(stage: Stage) -> None:
    """Put a bad instruction where QEMU's main thread goes on; the next command runs into it."""
    stage.still("web-01", 64)
    stage.sh(BREAK.replace("CODE", stage.pick(WRITE_TO_ADDRESS_ZERO, INVALID_OPCODE)))
    stage.wait_for_log("segfault at|trap invalid opcode", timeout_s=20)


SCENARIO = Scenario(
    id="qemu-crash",
    title="QEMU crashes",
    bench="plain",
    seconds=20,
    bring_about=bring_about,
    ends_host=False,
    needs_full_record=False,
    proof_in="kernel",
    is_incident=True,
)
