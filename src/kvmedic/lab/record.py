"""Saves what a host has after a failure: its logs, /proc, libvirt's lists. Nothing is judged here."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping

from kvmedic.lab.stage import Stage
from kvmedic.wiring import collector

QUICK = """
cd / && rm -rf /tmp/quick && mkdir -p /tmp/quick/sos_commands/virsh
for f in proc/meminfo proc/buddyinfo proc/zoneinfo proc/vmstat proc/uptime proc/stat proc/swaps \\
    proc/version proc/cmdline proc/pressure/* proc/sys/kernel/hostname proc/sys/kernel/osrelease \\
    proc/sys/kernel/random/boot_id proc/sys/vm/panic_on_oom proc/sys/vm/overcommit_memory \\
    proc/sys/vm/nr_hugepages sys/devices/system/node/online sys/devices/system/node/node*/meminfo; do
  cp --parents "$f" /tmp/quick 2>/dev/null
done
for p in $(pgrep 'qemu-system|libvirtd|virtlogd'); do
  for f in comm status stat limits cgroup oom_score_adj; do
    cp --parents "proc/$p/$f" /tmp/quick 2>/dev/null
  done
done
"""
VIRSH = """
cd /tmp/quick/sos_commands/virsh
timeout 30 virsh -r -q list --all > virsh_-r_list_--all 2>&1
timeout 30 virsh -r domstats --nowait > virsh_-r_domstats 2>&1
for name in $(virsh -r -q list --all --name); do
  timeout 30 virsh -r dumpxml "$name" > "virsh_-r_dumpxml_$name" 2>&1
  timeout 30 virsh -r dominfo "$name" > "virsh_-r_dominfo_$name" 2>&1
done
"""
LOGS = """
mkdir -p /tmp/quick/var/log/libvirt
cp -a /var/log/libvirt/qemu /tmp/quick/var/log/libvirt/ 2>/dev/null
date -u +'%a %b %e %H:%M:%S UTC %Y' > /tmp/quick/date
tar -C /tmp/quick -cf /exchange/quick.tar . 2>/dev/null; true
"""
NOT_KEPT = ("boot/", "sys/kernel/mm/ksm/", "sys/module/", "proc/config.gz", "proc/cpuinfo")
"""Of a full bundle: what is the same for every incident, or large and without bearing on any."""
PROC_BEFORE = ("meminfo", "buddyinfo", "zoneinfo", "vmstat")


def record_before(stage: Stage) -> None:
    """Keep /proc as it was before the failure, and begin the kernel's log and QEMU's logs anew."""
    stage.sh(
        f"mkdir -p /exchange/before; for f in {' '.join(PROC_BEFORE)}; do"
        " cat /proc/$f > /exchange/before/$f; done"
    )
    for name in PROC_BEFORE:
        path = stage.host.exchange / "before" / name
        stage.files[f"before/proc/{name}"] = path.read_bytes()
    stage.sh("rm -f /var/log/libvirt/qemu/*.log; dmesg -C")


def record_after(stage: Stage, *, is_full: bool) -> None:
    """Keep what the host has now. ``is_full``: a bundle of our own collector, with two readings."""
    if is_full:
        stage.host.put("collector.sh", collector().encode())
        stage.sh("sh /exchange/collector.sh > /exchange/full.tar 2>/dev/null", timeout_s=300)
        stage.files |= _unpacked((stage.host.exchange / "full.tar").read_bytes())
    stage.sh(QUICK + (VIRSH if _has_lists(stage) else "") + LOGS, timeout_s=300)
    quick = _unpacked((stage.host.exchange / "quick.tar").read_bytes())
    stage.files |= {path: data for path, data in quick.items() if not is_full or path not in stage.files}


def _has_lists(stage: Stage) -> bool:
    """libvirt's lists, with more patience than a bundle has: under software emulation each takes seconds."""
    state = stage.files.get("kvmedic/libvirt/state", b"answers")
    return stage.host.wish.has_libvirt and state.startswith(b"answers")


def _unpacked(archive: bytes) -> Mapping[str, bytes]:
    files = {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar:
            path = member.name.removeprefix("./")
            content = tar.extractfile(member) if member.isfile() else None
            if content is not None and not path.startswith(NOT_KEPT):
                files[path] = content.read()
    return files
