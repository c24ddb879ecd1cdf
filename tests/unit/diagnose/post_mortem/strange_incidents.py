# ruff: noqa: E501  log lines stay in one piece
"""Failures of strangers' hosts, in words that no scenario of ours prints; the texts are our own.

Storage other than NFS, clouds' hardware names, XFS that waits for contiguous memory, what systemd alone says.
"""

from __future__ import annotations

from field_samples import FIRST, SMALL, Sample, kern
from kernel_texts import Process, host_zones, hung, oom, syslog

JAVA = Process(2201, "java", 7000, uid=1000)
STARTED = "2026-11-24 02:00:00.000+0000: starting up libvirt version: 9.0.0, qemu version: 7.2.9\n"
FAILED = "2026-11-24 02:00:01.000+0000: shutting down, reason=failed"
CRASHED = "2026-11-24 03:00:01.000+0000: shutting down, reason=crashed"
TERMINATING = "2026-11-24T03:00:00.100000Z qemu-kvm: terminating on signal {} from pid {} ({})"
ENDED = "2026-11-24 03:00:00.302+0000: shutting down, reason={}"
QEMU_LOG = "var/log/libvirt/qemu/web01.log"
XFS_WAITS = "XFS: possible memory allocation deadlock in kmem_alloc (mode:0x250)\n" * 3
SCOPE = "Nov 24 03:00:12 kvm-b3 systemd[1]: {}: A process of this unit has been killed by the OOM killer.\n"


def guest(hardware: str) -> Sample:
    """A guest that ran out of memory by its own doing."""
    return Sample(
        {"dmesg.txt": syslog(oom((JAVA, SMALL), host_zones(7400, 40), asker="java", hardware=hardware))},
        "guest-internal",
        ("colocated-service-memory", "host-memory-exhausted", "kernel-memory-growth"),
        blame="guest",
    )


def qemu(*lines: str) -> dict[str, str]:
    """QEMU's log of one life."""
    return {QEMU_LOG: STARTED + "".join(f"{line}\n" for line in lines)}


STRANGE: dict[str, Sample] = {
    **{
        f"a guest of {hardware.split('/')[0]}": guest(hardware)
        for hardware in (
            "Google Google Compute Engine/Google Compute Engine, BIOS Google 10/25/2025",
            "Alibaba Cloud Alibaba Cloud ECS, BIOS 449e491 04/01/2014",
            "Microsoft Corporation Virtual Machine/Virtual Machine, BIOS Hyper-V UEFI Release v4.1 05/13/2024",
            "KubeVirt None/RHEL, BIOS 1.16.3-2.el9 04/01/2014",
            "Hetzner vServer/Standard PC (Q35 + ICH9, 2009), BIOS 20171111 11/11/2017",
            "Amazon EC2 c5.2xlarge/, BIOS 1.0 10/16/2017",
            "Nutanix AHV, BIOS 1.11.0-2.el7 04/01/2014",
            "DigitalOcean Droplet/Droplet, BIOS 20171212 12/12/2017",
        )
    },
    "a rented machine without a hypervisor is a host": Sample(
        kern(
            oom(
                (JAVA, SMALL),
                host_zones(7400, 40),
                asker="java",
                hardware="Amazon EC2 c5.metal/, BIOS 1.0 10/16/2017",
            )
        ),
        "colocated-service-memory",
        ("guest-internal",),
        blame="host",
    ),
    "XFS waits for contiguous memory, and QEMU for XFS": Sample(
        kern(XFS_WAITS + hung("qemu-kvm", "rwsem_down_read_failed", "xfs_ilock", "xfs_file_fsync")),
        "memory-fragmented",
        ("storage-stall",),
        most_confidence=0.8,
    ),
    "XFS says how much it asks for": Sample(
        kern(
            "XFS: qemu-system-x86(6902) possible memory allocation deadlock size 131088 in kmem_realloc (mode:0x2400240)\n"
            * 3
        ),
        "memory-fragmented",
    ),
    "an iSCSI session was lost": Sample(
        kern(
            " connection4:0: ping timeout of 5 secs expired, recv timeout 5, last rx 4296241093, last ping 4296246144, now 4296251392\n"
            " connection4:0: detected conn error (1022)\n session4: session recovery timed out after 120 secs\n"
            + hung("qemu-kvm", "io_schedule", "blkdev_issue_flush")
        ),
        "storage-stall",
        blame="neither",
    ),
    "a file server of Windows does not answer": Sample(
        kern(
            "CIFS: VFS: \\\\filer02 has not responded in 180 seconds. Reconnecting...\n"
            + hung("qemu-kvm", "cifs_writev", "wait_for_response")
        ),
        "storage-stall",
    ),
    "a thin pool is full": Sample(
        kern(
            "device-mapper: thin: 253:4: reached low water mark for data device: sending event.\n"
            "device-mapper: thin: 253:4: switching pool to out-of-data-space (queue IO) mode\n"
            "Buffer I/O error on dev dm-7, logical block 1441792, lost async page write\n"
        ),
        "storage-full",
        ("storage-stall",),
        blame="neither",
    ),
    "Btrfs is full": Sample(
        kern(
            "BTRFS: error (device sdb1: state A) in btrfs_run_delayed_refs:2187: errno=-28 No space left\n"
            "BTRFS info (device sdb1: state EA): forced readonly\n"
        ),
        "storage-full",
    ),
    "a task waits for a lock, and nothing says what for": Sample(
        kern(hung("qemu-system-x86", "schedule_preempt_disabled", "__mutex_lock", "kvm_vm_ioctl")),
        "unexplained",
        ("storage-stall",),
        blame="unknown",
    ),
    "only systemd says that a virtual machine was killed": Sample(
        {"journal.txt": SCOPE.format("143.scope")},
        "host-memory-exhausted",
        most_confidence=0.5,
    ),
    "what systemd says beside the kernel adds no suspect": Sample(
        {
            "journal.txt": syslog(
                oom((FIRST, SMALL), (), memcg=("/qemu.slice/143.scope", 8192), constraint="CONSTRAINT_MEMCG")
            )
            + SCOPE.format("143.scope")
        },
        "cgroup-memory-limit",
        ("host-memory-exhausted",),
    ),
    "QEMU could not touch the pages of its pool": Sample(
        qemu(
            "2026-11-24T02:00:00.500000Z qemu-system-x86_64: qemu_prealloc_mem: preallocating memory failed: Bad address",
            FAILED,
        ),
        "hugepages-exhausted",
    ),
    "QEMU ended because a page of its guest is lost": Sample(
        qemu(
            "2026-11-24T03:00:00.900000Z qemu-system-x86_64: warning: Guest MCE Memory Error at QEMU addr 0x7f1a30000000 and GUEST addr 0x3000000 of type BUS_MCEERR_AR injected",
            "Hardware memory error!",
            CRASHED,
        ),
        "hardware-memory-error",
        ("qemu-crash", "qemu-killed"),
    ),
    "systemd kept the core of a QEMU": Sample(
        {
            "journal.txt": "Nov 24 03:00:12 kvm-b3 systemd-coredump[5001]: Process 4412 (qemu-system-x86) of user 64055 dumped core.\n"
        },
        "qemu-crash",
    ),
    "abrt kept the core of a QEMU that aborted": Sample(
        {
            "messages": "Nov 24 03:00:12 kvm-b3 abrt-hook-ccpp: Process 4412 (qemu-kvm) of user 107 killed by SIGABRT - dumping core\n"
        },
        "qemu-crash",
    ),
    "the core of another program is no failure of a guest": Sample(
        {
            "journal.txt": "Nov 24 03:00:12 kvm-b3 systemd-coredump[5001]: Process 4412 (gnome-shell) of user 1000 dumped core.\n"
        },
        None,
    ),
    "a log that begins in the middle of the boot that a reset ended": Sample(
        {
            "messages": "Nov 24 02:50:00 kvm-b3 systemd[1]: Started Session 12 of user root.\n"
            "Nov 24 03:00:01 kvm-b3 CRON[991]: (root) CMD (run-parts /etc/cron.hourly)\n"
            "Nov 24 03:06:00 kvm-b3 kernel: Linux version 5.15.0-91-generic (buildd@lcy02) #101-Ubuntu SMP\n"
            "Nov 24 03:06:00 kvm-b3 kernel: Command line: BOOT_IMAGE=/vmlinuz root=/dev/sda1\n"
        },
        "host-reset-unlogged",
        most_confidence=0.9,
    ),
    "the lines of syslog's daemon before the kernel's first are of the same boot": Sample(
        {
            "messages": 'Nov 24 03:06:00 kvm-b3 rsyslogd: [origin software="rsyslogd"] start\n'
            "Nov 24 03:06:01 kvm-b3 kernel: Linux version 5.15.0-91-generic (buildd@lcy02) #101-Ubuntu SMP\n"
        },
        None,
    ),
    "a paste without any clock: a kill in a cgroup, and behind it a panic": Sample(
        {
            "paste.txt": oom(
                (FIRST, SMALL), (), memcg=("/qemu.slice/143.scope", 8192), constraint="CONSTRAINT_MEMCG"
            )
            + "sysrq: Trigger a crash\nKernel panic - not syncing: sysrq triggered crash\n"
            "CPU: 0 PID: 71 Comm: bash Kdump: loaded Not tainted 6.1.0-18-amd64 #1\n"
        },
        "host-panic",
    ),
    **{
        f"an ordinary stop: {sender}, {reason}": Sample(
            qemu(TERMINATING.format(15, pid, sender), ENDED.format(reason)), None, ("qemu-killed",)
        )
        for pid, sender, reason in (
            (2345, "<unknown process>", "destroyed"),
            (2345, "<unknown process>", "saved"),
            (2345, "/usr/sbin/virtqemud", "destroyed"),
            (845, "/usr/sbin/qmeventd", "shutdown"),
            (2001, "task UPID:pve1:000007D1:0000AAAA:67400000:qmstop:143:root@pam:", "shutdown"),
            (1, "/sbin/init", "shutdown"),
        )
    },
    "a daemon without a name ends one guest after the other": Sample(
        {
            QEMU_LOG: STARTED
            + TERMINATING.format(15, 2345, "<unknown process>")
            + "\n"
            + ENDED.format("shutdown")
            + "\n",
            QEMU_LOG.replace("web01", "db01"): (
                STARTED
                + TERMINATING.format(15, 2345, "<unknown process>")
                + "\n"
                + ENDED.format("shutdown")
                + "\n"
            ).replace("03:00", "03:40"),
        },
        None,
        ("qemu-killed",),
    ),
    "a process that has gone sent SIGTERM": Sample(
        qemu(TERMINATING.format(15, 9345, "<unknown process>"), ENDED.format("shutdown")),
        "qemu-killed",
        most_confidence=0.8,
    ),
    "a process that has gone sent SIGINT, which libvirt never does": Sample(
        qemu(TERMINATING.format(2, 9345, "<unknown process>"), ENDED.format("shutdown")), "qemu-killed"
    ),
    "libvirt calls it a crash: it was not its own order": Sample(
        qemu(TERMINATING.format(15, 9345, "<unknown process>"), CRASHED), "qemu-killed"
    ),
    "an uncorrected error, and the panic that EDAC sets off": Sample(
        kern(
            "EDAC MC1: 1 UE memory scrubbing error on CPU_SrcID#1_Ha#0_Chan#2_DIMM#1 (channel:2 slot:1 page:0x3fd9a2 offset:0x0 grain:32)\n"
            "Kernel panic - not syncing: UE MC1: CPU_SrcID#1_Ha#0_Chan#2_DIMM#1\n"
        ),
        "hardware-memory-error",
    ),
    "VFIO may not lock the guest's memory": Sample(
        qemu(
            "2026-11-24T02:00:00.5Z qemu-kvm: -device vfio-pci,host=0000:3b:00.0: vfio 0000:3b:00.0: failed to setup container for group 40: memory listener initialization failed: Region pc.ram: vfio_dma_map(0x55, 0x0, 0xa0000, 0x7f) = -12 (Cannot allocate memory)",
            FAILED,
        ),
        "limit-exhausted",
    ),
    "a file system was given up for errors of its disk": Sample(
        kern(
            "blk_update_request: I/O error, dev sda, sector 12345 op 0x1:(WRITE) flags 0x800 phys_seg 1 prio class 0\n"
            "Aborting journal on device sda2-8.\nEXT4-fs (sda2): Remounting filesystem read-only\n"
        ),
        "storage-stall",
        blame="neither",
    ),
}
