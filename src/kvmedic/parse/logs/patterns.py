"""What a log line must contain to be worth reading: a table of patterns, each with the family that reads it.

The patterns are bytes and use only what RE2, ripgrep, Hyperscan and Python's ``re`` agree on: literals,
classes, bounded repeats. They are deliberately generous, the family's parser decides; a line that no
pattern matches is never decoded. Wordings are those of kernels 3.2 to 6.18 (file named beside each), QEMU,
libvirt, systemd and the daemons of a host. No pattern may match a line break.
"""

from __future__ import annotations

from typing import Final

OOM: Final = "oom"
UNIT_OOM: Final = "unit_oom"
ALLOCATION: Final = "page_allocation_failure"
HUNG: Final = "hung_task"
LOCKUP: Final = "lockup"
PANIC: Final = "panic"
SLUB: Final = "slub"
HARDWARE: Final = "hardware"
STORAGE: Final = "storage"
QEMU: Final = "qemu_log"
FATAL_SIGNAL: Final = "fatal_signal"
LIBVIRT: Final = "libvirt_log"
USERSPACE_OOM: Final = "userspace_oom"
BALLOON: Final = "balloon_lines"
THROTTLING: Final = "throttling"
FENCING: Final = "watchdog_fencing"
LIMITS: Final = "limits"
BOOT: Final = "boot"
SYSRQ: Final = "sysrq"
BACKUP: Final = "backup"
HISTORY: Final = "history"
ACTIVITY: Final = "activities"

PATTERNS: Final[tuple[tuple[str, bytes], ...]] = (
    # mm/oom_kill.c, mm/memcontrol.c
    (OOM, rb"invoked oom-killer"),
    (OOM, rb"oom-kill:constraint="),
    (OOM, rb"[Oo]ut of memory[ :(]"),
    (OOM, rb"Kill(?:ed)? process [0-9]"),
    (OOM, rb"Killed [0-9]+ \("),
    (OOM, rb"oom_reaper: "),
    (OOM, rb"Mem-[Ii]nfo:"),
    (OOM, rb"Task in /[^ \n]{0,256} killed as a result of limit of"),
    (OOM, rb"Out of memory and no killable processes"),
    (UNIT_OOM, rb"(?:by the OOM killer|The kernel OOM killer killed)"),
    # mm/page_alloc.c warn_alloc, mm/vmalloc.c, mm/slub.c
    (ALLOCATION, rb"page allocation (?:failure|stalls)|vmap allocation for size"),
    (ALLOCATION, rb"possible memory allocation deadlock"),
    (ALLOCATION, rb"vmalloc(?:: | )(?:allocation failure|error)"),
    (SLUB, rb"SL[UA]B: Unable to allocate memory"),
    # kernel/hung_task.c, kernel/watchdog.c, kernel/rcu/tree_stall.h
    (HUNG, rb"blocked [a-zA-Z_/ ]{0,40}for more than [0-9]+ seconds"),
    (LOCKUP, rb"soft lockup - CPU"),
    (LOCKUP, rb"(?:hard LOCKUP|Hard LOCKUP|hard lockup)"),
    (LOCKUP, rb"rcu[a-z_]*[:_ ][^\n]{0,24}(?:self-)?detected (?:expedited )?stall"),
    # kernel/panic.c, arch/*/kernel/dumpstack.c, traps.c
    (PANIC, rb"Kernel panic - not syncing"),
    (PANIC, rb"Oops: [0-9a-f]{4}|Oops: general|Oops - "),
    (PANIC, rb"kernel BUG at |PANIC: double fault|Internal error: [^\n]{1,80}\[#[0-9]"),
    (PANIC, rb": [0-9a-f]{4} \[#[0-9]"),
    (PANIC, rb"BUG: (?:unable to handle|kernel NULL|scheduling while atomic|Bad |workqueue lockup)"),
    (PANIC, rb"general protection fault"),
    (PANIC, rb"(?:Panic|Oops)#[0-9]+ Part[ ]?[0-9]+"),
    (PANIC, rb"WARNING: (?:CPU: )?[0-9]* ?(?:PID: [0-9]+ )?at "),
    # drivers/edac, arch/x86/kernel/cpu/mce, mm/memory-failure.c, drivers/acpi/apei/ghes.c, rasdaemon
    (HARDWARE, rb"EDAC [^\n:]{1,24}: [^\n]{0,40}(?:CE |UE |CE:|UE:)"),
    (HARDWARE, rb"EDAC [^\n:]{1,24}: (?:CE|UE)[ ,-]"),
    (HARDWARE, rb"\[Hardware Error\]"),
    (HARDWARE, rb"[Mm]achine check"),
    (HARDWARE, rb"mce: (?:CPU|Uncorrected)"),
    (HARDWARE, rb"Memory failure: 0x|MCE 0x[0-9a-f]+: |Soft offlin"),
    (HARDWARE, rb"Hardware memory error|hardware memory error|hardware memory corruption"),
    (HARDWARE, rb"Memory Error at QEMU addr"),
    (HARDWARE, rb"mc_event: |mce_record: |mcelog(?:\[[0-9]+\])?: "),
    (HARDWARE, rb"AER: (?:Multiple )?(?:Correct|Uncorrect)"),
    # block/blk-core.c, fs/ext4, fs/xfs, fs/nfs, md, multipath
    (STORAGE, rb"I/O error[, ]"),
    (
        STORAGE,
        (
            rb"EXT4-fs (?:error|warning) \(|EXT4-fs \([^\n)]{1,64}\): (?:Delayed"
            rb" block|Remounting filesystem read)"
        ),
    ),
    (STORAGE, rb"XFS \([^\n)]{1,64}\): [^\n]*(?:[Cc]orruption|hutting down|hut down|error)"),
    (STORAGE, rb"[a-z0-9]: server [^ \n]{1,255} OK"),
    (STORAGE, rb"not responding, (?:still trying|timed out)"),
    (STORAGE, rb"No space left on device"),
    (
        STORAGE,
        (
            rb"multipathd[^\n]{0,80}(?:remaining active paths: 0|Fail all paths"
            rb"|queueing disabled|mark as failed)"
        ),
    ),
    (STORAGE, rb"device-mapper: multipath: [^\n]{0,60}Failing path"),
    (
        STORAGE,
        rb"task abort: |rejecting I/O to offline device|nvme[0-9n]+: I/O (?:tag )?[0-9]+ [^\n]{0,60}timeout",
    ),
    # drivers/scsi (iSCSI, Fibre Channel), drivers/ata, net/ceph, fs/smb, fs/btrfs, fs/gfs2
    (STORAGE, rb"session recovery timed out|detected conn error|ping timeout of [0-9]+ secs expired"),
    (STORAGE, rb"[Dd]evice offlined - not ready|blocked FC remote port time out|ata[0-9.]+: failed command"),
    (STORAGE, rb"has not responded in [0-9]+ seconds|libceph: [^\n]{1,80}session lost|ceph: mds[0-9]+ hung"),
    (STORAGE, rb"Aborting journal on device|BTRFS[^\n]{0,120}(?:forced readonly|errno=-(?:5|28) )"),
    (STORAGE, rb"device-mapper: thin: [^\n]{1,40}out-of-data-space|GFS2: fsid=[^\n]{1,80}withdraw"),
    (STORAGE, rb"[Pp]ool '[^\n']{1,64}' (?:has encountered an uncorrectable|is suspended|I/O fail)"),
    # QEMU and KVM
    (QEMU, rb"terminating on signal [0-9]"),
    (QEMU, rb"starting up libvirt version|shutting down, reason="),
    (QEMU, rb"kvm_init_vcpu|kvm_get_vcpu|failed to initialize (?:kvm|KVM)|KVM_CREATE_V"),
    (QEMU, rb"block I/O error in device"),
    (QEMU, rb"unable to map backing store|cannot set up guest memory|nsufficient free host memory"),
    (QEMU, rb"KVM internal error|kvm run failed|KVM: entry failed"),
    (QEMU, rb"preallocating memory failed"),
    (QEMU, rb"Assertion [^\n]{1,200}failed|assertion failed:|\*\* ?ERROR:"),
    (QEMU, rb"qemu[a-z0-9_-]*\[[0-9]+\]: segfault|KVM\[[0-9]+\]: segfault|traps: [^\n]{0,40}(?:qemu|KVM)"),
    # libvirt's and systemd's audit records, Proxmox' tasks, the BMC's event log
    (HISTORY, rb"virt=(?:kvm|qemu) (?:op=|resrc=mem )|unit=(?:libvirtd|virt[a-z]{1,16}d)[ .]"),
    (HISTORY, rb"task UPID:| \| [0-9][0-9]/[0-9][0-9]/[0-9]{2,4} \| "),
    # kernel/signal.c, kernel/auditsc.c
    (FATAL_SIGNAL, rb"potentially unexpected fatal signal"),
    (FATAL_SIGNAL, rb"of user [0-9]+ (?:dumped core|terminated abnormally|killed by SIG)"),
    (FATAL_SIGNAL, rb"type=(?:1701|ANOM_ABEND) "),
    # libvirt
    (LIBVIRT, rb"cannot acquire state change lock|Cannot start job \("),
    (
        LIBVIRT,
        (rb"(?:End of file|end of file) (?:from|while reading) (?:qemu )?monitor|nable to read from monitor"),
    ),
    (
        LIBVIRT,
        (
            rb"(?:QEMU|qemu) (?:guest )?monitor [^\n]{0,40}(?:hung|unresponsive)"
            rb"|connection to (?:the )?(?:VM|monitor)"
        ),
    ),
    (
        LIBVIRT,
        (
            rb"internal error: (?:process exited|qemu unexpectedly|QEMU unexpectedly"
            rb"|connection closed|early end)"
        ),
    ),
    (
        LIBVIRT,
        (
            rb"[^\n ]+ failed to respond to keepalive|keepalive (?:messages|timeout)"
            rb"|[Tt]oo many (?:active )?clients"
        ),
    ),
    (LIBVIRT, rb"virt[a-z]*d\.service: (?:Watchdog|Main process exited|start operation timed|State)"),
    # systemd-oomd, earlyoom, oomd, nohang
    (USERSPACE_OOM, rb"systemd-oomd|oomd\[|oomd_kill|earlyoom|nohang"),
    # auto-ballooners and the guest's driver
    (BALLOON, rb"Out of puff"),
    (BALLOON, rb"[Bb]alloon"),
    # mm/memcontrol.c, arch/x86/kernel/cpu/intel.c
    (THROTTLING, rb"split[ _]lock (?:detection|trap)|split_lock_warn|bus_lock"),
    (THROTTLING, rb"memory\.high"),
    # watchdogs, cluster fencing
    (
        FENCING,
        (rb"(?:iTCO_wdt|softdog|i6300ESB|i6300esb|IPMI Watchdog|ipmi_watchdog|sp5100_tco|hpwdt|wdat_wdt)"),
    ),
    (FENCING, rb"watchdog[0-9]*: [^\n]{0,40}(?:did not stop|nowayout|expired|[Tt]imeout)"),
    (FENCING, rb"watchdog-mux|pve-ha-[a-z]{3}\[[^\n]{0,60}(?:watchdog|fence|lost lock|self fence)"),
    (
        FENCING,
        rb"stonith|pacemaker-fenced|will be fenced|=> 'fence'|[Ff]encing |fence_[a-z]+|sbd\[|sbd: ",
    ),
    (FENCING, rb"lost quorum|quorum lost|[Nn]on-primary component"),
    # limits
    (LIMITS, rb"Too many open files|io_setup|aio-max-nr|fork rejected by pids controller"),
    (
        LIMITS,
        rb"max_map_count|VFIO_MAP_DMA|vfio_dma_map\(|RLIMIT_MEMLOCK|memlock|dma_entry_limit",
    ),
    (LIMITS, rb"Resource temporarily unavailable"),
    (LIMITS, rb"nf_conntrack: table full|VFS: file-max limit"),
    # start and end of a boot
    (BOOT, rb"Linux version [0-9]"),
    (BOOT, rb"Command line: |Hypervisor detected: |DMI: "),
    (BOOT, rb"reboot: |Restarting system|Power down\.|System halted"),
    (BOOT, rb"Journal (?:stopped|started)|Received SIGTERM from PID|Received SIGRTMIN|systemd-shutdown"),
    (BOOT, rb"Reached target (?:Power|Reboot|Shutdown|System (?:Power|Reboot|Shutdown))|Power key pressed"),
    (BOOT, rb"exiting on signal 15|The system (?:is going down|will)|System is (?:rebooting|powering)"),
    (BOOT, rb"-- (?:Boot [0-9a-f]{32}|Reboot) --"),
    (SYSRQ, rb"sysrq: |SysRq : "),
    # cron jobs and services that began: kept as they are, and read only near a failure
    (ACTIVITY, rb"\) CMD \(|systemd(?:\[1\])?: Start(?:ing|ed) "),
    # backup jobs
    (BACKUP, rb"vzdump|fsfreeze|fs-freeze|fs-thaw|Backup of VM|[Bb]ackup job"),
)
