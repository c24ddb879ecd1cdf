"""What to do after a failure, by cause: the safest useful step first, then what keeps it from coming back."""

from __future__ import annotations

from collections.abc import Mapping

SAVE_FIRST = "save the evidence before anything else: kvmedic capture"
ADVICE: Mapping[str, tuple[str, ...]] = {
    "host-memory-exhausted": (
        "see what holds the host's memory now: kvmedic check",
        "move a guest away, or lower what the guests may use; a reboot of the guest does not help",
    ),
    "host-memory-overcommitted": (
        "see whether it would happen again now: kvmedic check",
        "move a guest to another host, so that all guests together fit when every balloon deflates",
    ),
    "balloon-over-inflated": (
        "give the guest its memory back: virsh setmem DOMAIN MAXIMUM --live",
        "find out who sets the balloon (MOM, pvestatd, a script), or pin the memory",
    ),
    "balloon-ineffective": ("do not count on the balloon for this guest: deflate it, and pin its memory",),
    "cgroup-memory-limit": (
        "look at the group's limit and use: memory.max, memory.high and memory.events of the domain's cgroup",
        "raise or remove the limit (memtune hard_limit is strongly advised against by libvirt itself)",
    ),
    "numa-node-exhausted": (
        "look at the nodes: numastat -m",
        "loosen the guest's numatune, or move a guest that is bound to the same node",
    ),
    "memory-fragmented": (
        "see which blocks are left: kvmedic check",
        "put blocks together before the next start: kvmedic plan --remedy compact-memory",
    ),
    "atomic-reserve-low": (
        "see whether packets are lost: ip -s link, and kvmedic check",
        "raise vm.min_free_kbytes in small steps: kvmedic plan --remedy tune-host",
    ),
    "hugepages-exhausted": (
        "look at the pools per node: /sys/devices/system/node/node*/hugepages",
        "free pages by moving a guest, or reserve the pool at boot",
    ),
    "kernel-memory-growth": (
        "find the slab or driver: slabtop -o -s c, and arcstat where ZFS runs",
        "move the guests away before memory runs out again; only a reboot gives leaked kernel memory back",
    ),
    "colocated-service-memory": (
        "look at that service's memory and its limit (systemctl status)",
        "limit it, or keep memory aside for it, so that the guests are not killed for it",
    ),
    "management-daemon-leak": (
        "restart the daemon; the guests run on: systemctl restart libvirtd (or virtqemud)",
        "look for a known leak of this version, and update it",
    ),
    "qemu-memory-growth": (
        "look at this QEMU's memory: kvmedic check",
        "move the guest: a new QEMU process begins small",
    ),
    "swap-thrashing": (
        "see whether it goes on: vmstat 1 (columns si and so), and kvmedic check",
        "move a guest away; more swap makes it worse",
    ),
    "reclaim-stall": (
        "see whether it goes on: kvmedic check",
        "move a guest away, or release stranded memory",
    ),
    "thp-compaction-stall": (
        "see who waits in compaction: kvmedic check",
        "set /sys/kernel/mm/transparent_hugepage/defrag to defer+madvise: kvmedic plan --remedy tune-host",
    ),
    "dirty-writeback-stall": (
        "see what waits to be written: grep -E 'Dirty|Writeback' /proc/meminfo",
        "lower vm.dirty_bytes, and look at the storage behind it",
    ),
    "hypervisor-daemon-hung": (
        "do not reset the guests: they run on; restart the daemon: systemctl restart libvirtd (or virtqemud)",
        "look for a QEMU in state D behind it, and at its storage",
    ),
    "guest-paused": (
        "look why it stands still: virsh domstate --reason DOMAIN",
        "repair what stopped it, then: virsh resume DOMAIN",
    ),
    "limit-exhausted": (
        "look at the limit of the process: /proc/PID/limits, fs.aio-max-nr, pids.max",
        "raise that limit; more memory does not help",
    ),
    "storage-stall": (
        "do not reboot the guest: look at the storage first (multipath -ll, nfsstat, ceph -s, zpool status)",
        "when the storage answers again, tasks go on by themselves; then check the guest's file systems",
    ),
    "storage-full": (
        "make space, then: virsh resume DOMAIN; nothing was lost while it was paused",
        "watch the free space of thin pools and of the image's file system",
    ),
    "backup-job": (
        "thaw the guest if it is frozen: virsh domfsthaw DOMAIN",
        "look at the backup's own log, and at what it does at that hour",
    ),
    "host-cpu-overcommitted": ("look at steal time in the guest, and at CPU pressure on the host",),
    "hardware-memory-error": (
        "move the guests away from this host, beginning with the most important: it will happen again",
        "have the memory module replaced (ras-mc-ctl --errors, ipmitool sel list)",
    ),
    "manual-oom": ("ask who called the OOM killer by hand; nothing is wrong with the memory",),
    "userspace-oom-killer": (
        "look at what it watches: oomctl, or the configuration of the daemon",
        "exclude the guests' slice (ManagedOOMPreference=omit), or give the host more room",
    ),
    "qemu-killed": (
        "find who sent the signal (audit log, shell history, units that stopped then)",
        "start the guest again; nothing of the host needs repair",
    ),
    "qemu-crash": (
        "keep the core dump: coredumpctl info, and note QEMU's version",
        "look for this fault among known ones and update QEMU; then start the guest again",
    ),
    "soft-lockup": (
        "keep the log; look for the function named in the trace among known faults of this kernel",
        "update kernel, microcode and firmware; move important guests away until then",
    ),
    "kernel-bug": (
        "keep the log and the crash dump; the trace names the function",
        "update or change the kernel; move important guests away until then",
    ),
    "host-panic": (
        "keep the crash dump (/var/crash, /sys/fs/pstore)",
        "look at the cause behind it and at the setting that turned it into a panic",
    ),
    "host-fenced": (
        "find why the host did not answer: look at the minutes before in the cluster's logs",
        "before it takes guests again: check network, storage and quorum",
    ),
    "host-reset-unlogged": (
        "ask the hardware: ipmitool sel list, and the power supply; software left no trace",
        "set up kdump, pstore or netconsole, so that the next time leaves one",
    ),
    "split-lock-throttled": (
        "find the application in the guest that does it; the host is well",
        "sysctl kernel.split_lock_mitigate=0 ends the slowing down, for all guests of this host",
    ),
    "guest-internal": (
        "look inside the guest: its own log names what failed",
        "give the guest more memory only if its own log shows that it ran out",
    ),
    "unexplained": (SAVE_FIRST,),
}
"""Two steps at most for each cause; ``DOMAIN`` stands for the guest's name."""


def advice_for(cause: str, domain: str | None) -> tuple[str, ...]:
    """The steps for one cause, with the guest's name where it is known and safe to print in a command."""
    steps = ADVICE.get(cause, ())
    if domain is None or not domain.replace("-", "").replace("_", "").replace(".", "").isalnum():
        return steps
    return tuple(step.replace("DOMAIN", domain) for step in steps)
