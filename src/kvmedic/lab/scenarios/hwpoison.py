"""A page of QEMU's memory is poisoned for real: the kernel kills QEMU with SIGBUS."""

from __future__ import annotations

from kvmedic.lab.scenario import Scenario
from kvmedic.lab.stage import Stage

FIND = """
python3 - <<'END'
import struct
pid = int(open('/run/libvirt/qemu/NAME.pid').read())
ranges = [line.split()[0] for line in open(f'/proc/{pid}/maps') if len(line.split()) == 5]
largest = max(ranges, key=lambda text: int(text.split('-')[1], 16) - int(text.split('-')[0], 16))
start = int(largest.split('-')[0], 16) + (40 << 20)
with open(f'/proc/{pid}/pagemap', 'rb') as table:
    table.seek(start // 4096 * 8)
    print(hex(struct.unpack('<Q', table.read(8))[0] & ((1 << 55) - 1)))
END
"""


def bring_about(stage: Stage) -> None:
    """Poison one page in the middle of a guest's memory."""
    name = stage.pick("db-02", "web-01")
    stage.still(name, stage.pick(80, 100))
    frame = stage.sh(FIND.replace("NAME", name)).strip()
    stage.sh(f"modprobe hwpoison-inject; echo {frame} > /sys/kernel/debug/hwpoison/corrupt-pfn")
    stage.wait_for_log("Memory failure: 0x")
    stage.sleep(2)


SCENARIO = Scenario(
    id="hwpoison",
    title="a poisoned page under a guest",
    bench="plain",
    seconds=40,
    bring_about=bring_about,
    ends_host=False,
    needs_full_record=False,
    proof_in="kernel",
    is_incident=True,
)
