# ruff: noqa: E501  log lines stay in one piece
"""Incidents that are not in the published list: each cause once or more, with decoys beside the truth."""

from __future__ import annotations

from field_samples import FIRST, OLD_CORRECTED, SECOND, SMALL, Sample, kern
from kernel_texts import Process, host_zones, hung, oom, refusal, roomy_zone, syslog

STARTED = "2026-11-24 02:00:00.000+0000: starting up libvirt version: 9.0.0, qemu version: 7.2.9\n"
QEMU_LOG = "var/log/libvirt/qemu/web01.log"
SHORTAGE = oom((FIRST, SECOND, SMALL), host_zones(15900, 60))
MOM = (
    "Nov 24 02:58:40 kvm-b3 momd[900]: mom.Controllers.Balloon - INFO - Ballooning guest:db02 from 2097152 to 4194304\n"
    "Nov 24 02:59:10 kvm-b3 momd[900]: mom.Controllers.Balloon - INFO - Ballooning guest:web02 from 2097152 to 4194304\n"
    "Nov 24 02:59:40 kvm-b3 momd[900]: mom.Controllers.Balloon - INFO - Ballooning guest:web03 from 2097152 to 4194304\n"
)
BOOT = (
    "Linux version 6.1.0-18-amd64 (debian-kernel@lists.debian.org) (gcc-12 (Debian 12.2.0-14) 12.2.0) #1 SMP\n"
    "Command line: BOOT_IMAGE=/vmlinuz root=/dev/sda1\n"
    "DMI: Dell Inc. PowerEdge R740/0923K0, BIOS 2.19.1 06/04/2023\n"
)
SERVICES = "Nov 24 02:59:50 kvm-b3 systemd[1]: Started Session 7 of user root.\n"

INCIDENTS: dict[str, Sample] = {
    "balloons deflated and the host ran out": Sample(
        {"var/log/syslog": MOM + syslog(oom((FIRST, SECOND, SMALL), host_zones(19000, 60)))},
        "host-memory-overcommitted",
        ("memory-fragmented", "balloon-over-inflated"),
        may_be=("host-memory-exhausted",),
    ),
    "panic_on_oom ends the host": Sample(
        kern(
            SHORTAGE.split("oom-kill:")[0]
            + "Kernel panic - not syncing: Out of memory: system-wide panic_on_oom is enabled\n"
            "CPU: 3 PID: 4242 Comm: CPU 2/KVM Not tainted 6.1.0-18-amd64 #1\n"
        ),
        "host-panic",
        ("memory-fragmented", "kernel-bug"),
        may_be=("host-memory-overcommitted", "host-memory-exhausted"),
        blame="host",
    ),
    "a frozen file system holds everything": Sample(
        kern(
            hung("qemu-system-x86", "percpu_rwsem_wait", "__percpu_down_read", "vfs_fallocate", pid=4201)
            + hung("dd", "percpu_rwsem_wait", "__percpu_down_read", "ksys_write", pid=901)
        ),
        "storage-stall",
        ("host-memory-exhausted", "soft-lockup"),
    ),
    "an NFS server does not answer": Sample(
        kern(
            "nfs: server 10.0.0.9 not responding, still trying\n"
            + hung("CPU 0/KVM", "rpc_wait_bit_killable", "nfs_wait_bit_killable", "nfs_file_fsync", pid=4221)
        ),
        "storage-stall",
        blame="neither",
    ),
    "tasks hang in I/O, and the panic follows": Sample(
        kern(
            hung("jbd2/sda1-8", "io_schedule", "bit_wait_io", "jbd2_journal_commit_transaction")
            + "Kernel panic - not syncing: hung_task: blocked tasks\n"
        ),
        "storage-stall",
        ("kernel-bug",),
        may_be=("host-panic",),
    ),
    "somebody ends QEMU with SIGTERM": Sample(
        {
            QEMU_LOG: STARTED
            + "2026-11-24T02:30:00.000000Z qemu-system-x86_64: terminating on signal 15 from pid 9911 (bash)\n"
            "2026-11-24 02:30:00.400+0000: shutting down, reason=crashed\n"
        },
        "qemu-killed",
        ("qemu-crash",),
        blame="neither",
    ),
    "QEMU vanishes while the kernel's log has nothing": Sample(
        {
            QEMU_LOG: STARTED + "2026-11-24 02:30:00.400+0000: shutting down, reason=crashed\n",
            "var/log/kern.log": syslog(BOOT, at="Nov 20 01:00:00", uptime_s=0.0)
            + syslog("usb 1-1: new high-speed USB device", at="Nov 24 02:40:00"),
        },
        "qemu-killed",
        may_be=("unexplained",),
        most_confidence=0.8,
    ),
    "QEMU touches memory that is not its own": Sample(
        {
            **kern(
                "qemu-system-x86[4201]: segfault at 18 ip 000055d3a1c2f8a1 sp 00007ffd2b6f8a80 error 4 in "
                "qemu-system-x86_64[55d3a1800000+6d0000]\n"
            ),
            QEMU_LOG: STARTED + "2026-11-24 03:00:13.000+0000: shutting down, reason=crashed\n",
        },
        "qemu-crash",
        ("qemu-killed",),
    ),
    "QEMU fails an assertion": Sample(
        {
            QEMU_LOG: STARTED
            + "qemu-system-x86_64: ../block/block-backend.c:1317: blk_drain: Assertion `qemu_in_main_thread()' failed.\n"
            "2026-11-24 03:00:13.000+0000: shutting down, reason=crashed\n"
        },
        "qemu-crash",
        ("qemu-killed",),
    ),
    "an orderly shutdown is no failure": Sample(
        {QEMU_LOG: STARTED + "2026-11-24 02:30:00.400+0000: shutting down, reason=shutdown\n"}, None
    ),
    "virsh destroy is no failure": Sample(
        {
            QEMU_LOG: STARTED
            + "2026-11-24T02:30:00.000000Z qemu-system-x86_64: terminating on signal 15 from pid 812 (/usr/sbin/libvirtd)\n"
            "2026-11-24 02:30:00.400+0000: shutting down, reason=destroyed\n"
        },
        None,
    ),
    "the host stops without a word": Sample(
        {
            "var/log/syslog": syslog(BOOT, at="Nov 20 01:00:00", uptime_s=0.0)
            + SERVICES
            + syslog(BOOT, at="Nov 24 03:07:00", uptime_s=0.0)
        },
        "host-reset-unlogged",
        most_confidence=0.89,
    ),
    "an orderly reboot is no failure": Sample(
        {
            "var/log/syslog": syslog(BOOT, at="Nov 20 01:00:00", uptime_s=0.0)
            + SERVICES
            + "Nov 24 03:00:00 kvm-b3 systemd[1]: Reached target System Reboot.\n"
            "Nov 24 03:00:01 kvm-b3 systemd-journald[300]: Journal stopped\n"
            + syslog(BOOT, at="Nov 24 03:03:00", uptime_s=0.0)
        },
        None,
    ),
    "the watchdog of the cluster resets the host": Sample(
        {
            "var/log/syslog": syslog(BOOT, at="Nov 20 01:00:00", uptime_s=0.0)
            + "Nov 24 02:58:00 pve1 corosync[1200]:   [QUORUM] This node is within the non-primary component and will NOT provide any services.\n"
            "Nov 24 02:59:00 pve1 watchdog-mux[700]: client watchdog expired - disable watchdog updates\n"
            + syslog(BOOT, at="Nov 24 03:03:00", uptime_s=0.0)
        },
        "host-fenced",
        may_be=("host-reset-unlogged",),
    ),
    "a page of a guest is lost to hardware": Sample(
        kern(
            "Memory failure: 0x12a9f3: Sending SIGBUS to qemu-system-x86:4201 due to hardware memory corruption\n"
            "Memory failure: 0x12a9f3: recovery action for dirty LRU page: Recovered\n"
        ),
        "hardware-memory-error",
        ("host-memory-exhausted",),
    ),
    "a machine check ends the host": Sample(
        kern(
            "mce: [Hardware Error]: CPU 7: Machine Check Exception: 5 Bank 8: be00000000800400\n"
            "mce: [Hardware Error]: TSC 0 ADDR 12a9f3000 MISC 86\n"
            "Kernel panic - not syncing: Fatal machine check\n"
        ),
        "hardware-memory-error",
        ("kernel-bug",),
        may_be=("host-panic",),
    ),
    "the kernel meets a fault and panics": Sample(
        kern(
            "BUG: kernel NULL pointer dereference, address: 0000000000000018\n"
            "#PF: supervisor read access in kernel mode\n"
            "Oops: 0000 [#1] PREEMPT SMP NOPTI\n"
            "CPU: 3 PID: 4242 Comm: CPU 2/KVM Tainted: P           OE      6.1.0-18-amd64 #1\n"
            "RIP: 0010:vhost_net_buf_peek+0x12/0x40\n"
            "Kernel panic - not syncing: Fatal exception\n"
        ),
        "kernel-bug",
        ("hardware-memory-error", "host-memory-exhausted"),
    ),
    "split locks slow a guest": Sample(
        kern(
            "".join(
                f"x86/split lock detection: #AC: CPU {n}/KVM/{4220 + n} took a split_lock trap at address: 0x7ff{n}\n"
                for n in range(5)
            )
        ),
        "split-lock-throttled",
    ),
    "libvirt's lock is held for ever": Sample(
        {
            "var/log/libvirt/libvirtd.log": (
                "2026-11-24 02:40:00.000+0000: 812: warning : qemuDomainObjBeginJobInternal:928 : Cannot start job "
                "(query, none, none) for domain web01; current job is (modify, none, none) owned by (813 "
                "remoteDispatchDomainSetMemoryFlags, 0 <null>, 0 <null> (flags=0x0)) for (812s, 0s, 0s)\n"
                "2026-11-24 02:40:00.000+0000: 812: error : qemuDomainObjBeginJobInternal:959 : Timed out during "
                "operation: cannot acquire state change lock (held by monitor=remoteDispatchDomainSetMemoryFlags)\n"
            )
        },
        "hypervisor-daemon-hung",
    ),
    "too many open files stop a start": Sample(
        {
            QEMU_LOG: STARTED + "qemu-system-x86_64: -device virtio-net-pci: Too many open files\n"
            "2026-11-24 02:00:01.400+0000: shutting down, reason=failed\n"
        },
        "limit-exhausted",
        ("host-memory-exhausted",),
    ),
    "KVM cannot allocate a vCPU on a fragmented host": Sample(
        {
            **kern(
                refusal(
                    "qemu-system-x86", 4, "0x40dc0(GFP_KERNEL|__GFP_COMP|__GFP_ZERO)", roomy_zone(64000, 9000)
                )
                + "SLUB: Unable to allocate memory on node -1, gfp=0xdc0(GFP_KERNEL|__GFP_ZERO)\n"
                "  cache: kvm_vcpu, object size: 51456, buffer size: 51456, default order: 4, min order: 4\n"
            ),
            QEMU_LOG: "2026-11-24 03:00:11.000+0000: starting up libvirt version: 9.0.0, qemu version: 7.2.9\n"
            "qemu-system-x86_64: kvm_init_vcpu: kvm_get_vcpu failed (0): Cannot allocate memory\n"
            "2026-11-24 03:00:13.000+0000: shutting down, reason=failed\n",
        },
        "memory-fragmented",
        ("host-memory-exhausted", "qemu-killed"),
    ),
    "a network card finds no page": Sample(
        kern(refusal("swapper/3", 0, "0x820(GFP_ATOMIC)", host_zones(64000, 30), is_in_interrupt=True) * 6),
        "atomic-reserve-low",
        ("memory-fragmented", "host-memory-exhausted"),
    ),
    "an OOM kill after an old hardware line and an old refusal": Sample(
        {
            "var/log/kern.log": OLD_CORRECTED
            + syslog(
                refusal("kworker/u64:3", 5, "0x40cc0(GFP_KERNEL|__GFP_COMP)", roomy_zone(16000, 3000)),
                at="Nov 20 10:00:00",
                uptime_s=90000.0,
            )
            + syslog(SHORTAGE)
        },
        "host-memory-overcommitted",
        ("memory-fragmented", "hardware-memory-error"),
    ),
    "swap in for minutes": Sample(
        kern(
            hung(
                "CPU 1/KVM", "io_schedule", "folio_wait_bit_common", "swap_readpage", "do_swap_page", pid=4222
            )
            + hung("libvirtd", "io_schedule", "swapin_readahead", "do_swap_page", pid=812)
        ),
        "swap-thrashing",
    ),
    "writers are held back": Sample(
        kern(
            hung(
                "qemu-system-x86",
                "io_schedule_timeout",
                "balance_dirty_pages",
                "generic_perform_write",
                pid=4201,
            )
        ),
        "dirty-writeback-stall",
    ),
    "a shared group of the guests is at memory.high": Sample(
        kern(
            hung(
                "CPU 1/KVM",
                "schedule_timeout",
                "mem_cgroup_handle_over_high",
                "exit_to_user_mode_prepare",
                pid=4222,
            )
        ),
        "cgroup-memory-limit",
    ),
    "a guest's kernel panics": Sample(
        {
            "console.log": "[    0.000000] "
            "Linux version 5.15.0-91-generic (buildd@lcy02) #101-Ubuntu SMP\n"
            "[    0.000000] DMI: QEMU Standard PC (i440FX + PIIX, 1996), BIOS 1.15.0-1 04/01/2014\n"
            "[    0.000000] Hypervisor detected: KVM\n"
            "[   31.000000] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)\n"
            "[   31.000001] CPU: 0 PID: 1 Comm: swapper/0 Not tainted 5.15.0-91-generic #101-Ubuntu\n"
        },
        "guest-internal",
        ("host-memory-exhausted",),
        blame="guest",
    ),
    "earlyoom kills a guest": Sample(
        {
            "var/log/syslog": "Nov 24 03:00:12 kvm-b3 earlyoom[700]: mem avail:  1200 of 64000 MiB ( 1.88%), swap free:    0 of    0 MiB\n"
            'Nov 24 03:00:12 kvm-b3 earlyoom[700]: sending SIGTERM to process 4201 uid 107 "qemu-system-x86": badness 901, VmRSS 33000 MiB\n'
        },
        "userspace-oom-killer",
    ),
    "KVM cannot go on with a guest": Sample(
        {QEMU_LOG: STARTED + "KVM internal error. Suberror: 1\nemulation failure\nRAX=0000000000000000\n"},
        "guest-paused",
    ),
    "a backup froze the guest and never thawed it": Sample(
        {
            "var/log/syslog": "Nov 24 02:30:00 pve1 pvescheduler[900]: INFO: Starting Backup of VM 101 (qemu)\n"
            "Nov 24 02:30:04 pve1 pvescheduler[900]: INFO: issuing guest-agent 'fs-freeze' command\n"
            "Nov 24 03:30:04 pve1 pvescheduler[900]: ERROR: VM 101 qmp command 'guest-fsfreeze-thaw' failed - got timeout\n"
        },
        "backup-job",
    ),
    "a container dies in its group, the guests are well": Sample(
        kern(
            oom(
                (Process(77, "node", 500, uid=1000),),
                (),
                asker="node",
                constraint="CONSTRAINT_MEMCG",
                group="/system.slice/docker-0a1b.scope",
                memcg=("/system.slice/docker-0a1b.scope", 512),
            )
        ),
        "cgroup-memory-limit",
        severities=("warning",),
    ),
    "libvirt loses a monitor and nothing says why": Sample(
        {
            "var/log/libvirt/libvirtd.log": "2026-11-24 02:40:00.000+0000: 812: error : qemuMonitorIO:620 : internal error: End of file from qemu monitor (vm='web01')\n"
        },
        "unexplained",
        most_confidence=0.6,
    ),
    "requests for memory wait for seconds": Sample(
        kern(
            "qemu-kvm: page allocation stalls for 18432ms, order:0, mode:0x14200ca(GFP_HIGHUSER_MOVABLE), nodemask=(null)\n"
            "qemu-kvm cpuset=/ mems_allowed=0\n"
            "CPU: 3 PID: 4201 Comm: qemu-kvm Not tainted 4.12.14-122-default #1\n"
            "Call Trace:\n dump_stack+0x5c/0x80\n warn_alloc+0x13a/0x160\n"
        ),
        "reclaim-stall",
    ),
    "tasks hang in reclaim": Sample(
        kern(
            hung(
                "CPU 0/KVM", "io_schedule", "shrink_folio_list", "shrink_node", "try_to_free_pages", pid=4221
            )
        ),
        "reclaim-stall",
    ),
    "only the panic of a fault is left": Sample(
        kern("Kernel panic - not syncing: Fatal exception in interrupt\n"),
        "host-panic",
        may_be=("kernel-bug",),
        most_confidence=0.89,
    ),
    "a guest's CPUs lock up": Sample(
        {
            "console.log": "[    0.000000] Linux version 5.15.0-91-generic (buildd@lcy02) #101-Ubuntu SMP\n"
            "[    0.000000] DMI: QEMU Standard PC (i440FX + PIIX, 1996), BIOS 1.15.0-1 04/01/2014\n"
            "[ 9000.000000] watchdog: BUG: soft lockup - CPU#1 stuck for 23s! [stress:900]\n"
        },
        "guest-internal",
        may_be=("soft-lockup", "host-cpu-overcommitted"),
        most_confidence=0.89,
    ),
    "a guest's CPU stands still in user space": Sample(
        {
            "console.log": "[    0.000000] Linux version 5.15.0-91-generic (buildd@lcy02) #101-Ubuntu SMP\n"
            "[    0.000000] DMI: QEMU Standard PC (i440FX + PIIX, 1996), BIOS 1.15.0-1 04/01/2014\n"
            "[ 9000.000000] watchdog: BUG: soft lockup - CPU#1 stuck for 23s! [postgres:900]\n"
            "[ 9000.000100] CPU: 1 PID: 900 Comm: postgres Not tainted 5.15.0-91-generic #101-Ubuntu\n"
            "[ 9000.000200] RIP: 0033:0x55d0c2fc\n"
        },
        "host-cpu-overcommitted",
        may_be=("soft-lockup",),
        most_confidence=0.89,
    ),
    "a guest's idle CPU stands still": Sample(
        {
            "console.log": "[    0.000000] Linux version 5.15.0-91-generic (buildd@lcy02) #101-Ubuntu SMP\n"
            "[    0.000000] DMI: QEMU Standard PC (i440FX + PIIX, 1996), BIOS 1.15.0-1 04/01/2014\n"
            "[ 9000.000000] watchdog: BUG: soft lockup - CPU#1 stuck for 23s! [swapper/1:0]\n"
            "[ 9000.000100] CPU: 1 PID: 0 Comm: swapper/1 Not tainted 5.15.0-91-generic #101-Ubuntu\n"
            "[ 9000.000200] RIP: 0010:native_safe_halt+0xb/0x10\n"
        },
        "host-cpu-overcommitted",
        may_be=("soft-lockup",),
        most_confidence=0.89,
    ),
    "a guest's kernel stands still, called from user space": Sample(
        {
            "console.log": "[    0.000000] Linux version 5.15.0-91-generic (buildd@lcy02) #101-Ubuntu SMP\n"
            "[    0.000000] DMI: QEMU Standard PC (i440FX + PIIX, 1996), BIOS 1.15.0-1 04/01/2014\n"
            "[ 9000.000000] watchdog: BUG: soft lockup - CPU#1 stuck for 23s! [stress:900]\n"
            "[ 9000.000100] CPU: 1 PID: 900 Comm: stress Not tainted 5.15.0-91-generic #101-Ubuntu\n"
            "[ 9000.000200] RIP: 0010:native_queued_spin_lock_slowpath+0x6d/0x1f0\n"
            "[ 9000.000300] Call Trace:\n"
            "[ 9000.000400]  _raw_spin_lock+0x1e/0x30\n"
            "[ 9000.000500]  entry_SYSCALL_64_after_hwframe+0x62/0xcc\n"
            "[ 9000.000600] RIP: 0033:0x7f0dc2fc\n"
        },
        "guest-internal",
        may_be=("soft-lockup", "host-cpu-overcommitted"),
        most_confidence=0.89,
    ),
    "a cgroup allows no more threads": Sample(
        {
            **kern(
                "cgroup: fork rejected by pids controller in /machine.slice/machine-qemu\\x2d3\\x2dweb01.scope\n"
            ),
            QEMU_LOG: "2026-11-24 03:00:11.000+0000: starting up libvirt version: 9.0.0, qemu version: 7.2.9\n"
            "qemu-system-x86_64: qemu_thread_create: Resource temporarily unavailable\n"
            "2026-11-24 03:00:13.000+0000: shutting down, reason=crashed\n",
        },
        "limit-exhausted",
        ("qemu-killed", "host-memory-exhausted"),
    ),
    "libvirtd of gibibytes beside the guests": Sample(
        kern(oom((FIRST, Process(80, "libvirtd", 12000, uid=0), SMALL), host_zones(22000, 60), victim=FIRST)),
        "host-memory-exhausted",
        may_be=("management-daemon-leak", "host-memory-overcommitted"),
    ),
    "systemd-oomd kills for swap": Sample(
        {
            "journal": "Nov 24 03:00:12 kvm-b3 systemd-oomd[801]: Killed /user.slice/user-1000.slice due to memory used (15032385536) / total (16672358400) and swap used (3865470566) / total (4294963200) being more than 90.00%\n"
        },
        "userspace-oom-killer",
        ("host-memory-exhausted",),
    ),
    "the key alone is left": Sample(kern("sysrq: Manual OOM execution\n"), "manual-oom"),
    "an NMI ends the host": Sample(
        kern("Kernel panic - not syncing: NMI: Not continuing\n"), "host-panic", ("kernel-bug",)
    ),
    "a pool of ZFS is suspended": Sample(
        kern("WARNING: Pool 'tank' has encountered an uncorrectable I/O failure and has been suspended.\n"),
        "storage-stall",
        blame="neither",
    ),
    "an empty drive is no storage that fails": Sample(
        kern("I/O error, dev fd0, sector 0 op 0x0:(READ) flags 0x0 phys_seg 1 prio class 2\n"),
        None,
        ("storage-stall",),
    ),
    "a monitor is lost because its guest was shut down": Sample(
        {
            QEMU_LOG: STARTED + "2026-11-24 02:40:00.000+0000: shutting down, reason=shutdown\n",
            "var/log/libvirt/libvirtd.log": "2026-11-24 02:40:00.100+0000: 812: error : qemuMonitorIO:620 : internal error: End of file from qemu monitor\n",
        },
        None,
        ("unexplained",),
    ),
    "another node of the cluster is fenced": Sample(
        {
            "var/log/syslog": "Nov 24 02:59:00 node1 pacemaker-fenced[700]: notice: Operation 'reboot' targeting node2 by node1 for pacemaker-controld.1@node1: OK\n"
        },
        "host-fenced",
        severities=("warning",),
    ),
    "a worker of the kernel stands still": Sample(
        kern("BUG: workqueue lockup - pool cpus=3 node=0 flags=0x0 nice=0 stuck for 35s!\n"),
        "soft-lockup",
        ("kernel-bug",),
    ),
    "a kernel log that never records orderly ends": Sample(
        {
            "var/log/kern.log": "".join(
                syslog(BOOT, at=f"Nov {day} 01:00:00", uptime_s=0.0) for day in (10, 12, 14, 16, 18)
            )
        },
        "host-reset-unlogged",
        most_confidence=0.35,
        severities=("info",),
    ),
    "a kernel log with one reset": Sample(
        {
            "var/log/kern.log": "".join(
                syslog(BOOT, at=f"Nov {day} 01:00:00", uptime_s=0.0) for day in (10, 12)
            )
        },
        "host-reset-unlogged",
        most_confidence=0.59,
        severities=("warning",),
    ),
}
