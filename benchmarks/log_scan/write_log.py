"""Writes a kernel log as a busy host would have it: everyday lines, and now and then a line worth reading.

python benchmarks/log_scan/write_log.py 1024 /tmp/kern.log      # MiB, file
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

EVERYDAY = (
    'audit: type=1400 audit(1.{n}:{n}): apparmor="DENIED" operation="open" profile="libvirt-{n}" pid={n}',
    "br0: port {m}(vnet{m}) entered forwarding state",
    "device vnet{m} entered promiscuous mode",
    "IPv6: ADDRCONF(NETDEV_CHANGE): vnet{m}: link becomes ready",
    "kvm [{n}]: ignored rdmsr: 0x{n:x} data 0x0",
    "EXT4-fs (dm-{m}): mounted filesystem with ordered data mode. Quota mode: none.",
    "usb 1-{m}: new high-speed USB device number {m} using xhci_hcd",
    "[UFW BLOCK] IN=eth0 OUT= SRC=10.0.0.{m} DST=10.0.0.1 LEN=60 TTL=64 ID={n} DF PROTO=TCP SPT={n} DPT=22",
    "perf: interrupt took too long ({n} > 2500), lowering kernel.perf_event_max_sample_rate to {n}",
    "sd 0:0:{m}:0: [sda] Attached SCSI disk",
    "ixgbe 0000:0{m}:00.0 eth{m}: NIC Link is Up 10 Gbps, Flow Control: RX/TX",
)
WORTH_READING = (
    "EDAC MC0: 1 CE memory read error on DIMM_A1 (channel:1 slot:0 page:0x{n:x} offset:0x0 grain:32)",
    "INFO: task CPU 0/KVM:{n} blocked for more than 120 seconds.",
    "I/O error, dev sd{m}, sector {n} op 0x0:(READ) flags 0x80700 phys_seg 1 prio class 2",
    "x86/split lock detection: #AC: CPU 1/KVM/{n} took a split_lock trap at address: 0x7f{n:x}",
)
SHARE_WORTH_READING = 0.0005


def write_log(path: Path, size_bytes: int, *, seed: int = 1) -> None:
    """Write ``size_bytes`` of log, the same for the same seed."""
    generator = random.Random(seed)
    seconds, written = 0.0, 0
    with path.open("w") as out:
        while written < size_bytes:
            lines = []
            for _ in range(20_000):
                seconds += generator.random() * 0.02
                kinds = WORTH_READING if generator.random() < SHARE_WORTH_READING else EVERYDAY
                text = generator.choice(kinds).format(
                    n=generator.randrange(1000, 99999), m=generator.randrange(32)
                )
                hour, minute = int(seconds) // 3600 % 24, int(seconds) // 60 % 60
                clock = f"Nov 24 {hour:02d}:{minute:02d}:{int(seconds) % 60:02d}"
                lines.append(f"{clock} node7 kernel: [{seconds:12.6f}] {text}\n")
            written += out.write("".join(lines))


if __name__ == "__main__":
    write_log(Path(sys.argv[2]), int(sys.argv[1]) << 20)
