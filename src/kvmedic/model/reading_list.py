"""What is read from a host, as data: one list for the live host, the collector, archives and capture.

A pattern is a path relative to the host's root in which ``*`` stands for any run of characters but "/".
The default reads only what is cheap. What takes a lock of the kernel that matters stands behind ``--deep``:
pagetypeinfo holds zone->lock (mm/vmstat.c), slabinfo walks every list under list_lock before 6.10
(mm/slub.c), smaps_rollup takes the mmap_lock of the process (fs/proc/task_mmu.c).
Never here: files whose reading acts (vm/stat_refresh), environments, memory, whole command lines of QEMU.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

AGAIN = ("proc/uptime", "proc/sys/kernel/random/boot_id", "proc/vmstat", "proc/stat", "proc/pressure/*")
"""Files of the host that hold counters: read a second time after the interval."""

HOST = (
    *AGAIN,
    *("proc/buddyinfo", "proc/zoneinfo", "proc/meminfo", "proc/swaps", "proc/loadavg", "proc/version"),
    *("proc/cmdline", "proc/cpuinfo", "proc/self/mounts", "proc/config.gz", "proc/sys/kernel/hostname"),
    *("proc/sys/kernel/osrelease", "proc/sys/kernel/pid_max", "proc/sys/kernel/threads-max"),
    *("proc/sys/kernel/panic", "proc/sys/kernel/panic_on_oops", "proc/sys/kernel/numa_balancing"),
    *("proc/sys/kernel/hung_task_*", "proc/sys/kernel/softlockup_*", "proc/sys/kernel/hardlockup_*"),
    *("proc/sys/kernel/watchdog*", "proc/sys/kernel/nmi_watchdog", "proc/sys/kernel/split_lock_mitigate"),
    *("proc/sys/kernel/unknown_nmi_panic", "proc/sys/kernel/tainted"),
    *("proc/sys/fs/file-nr", "proc/sys/fs/file-max", "proc/sys/fs/nr_open"),
    *("proc/sys/fs/aio-nr", "proc/sys/fs/aio-max-nr"),
    *("proc/sys/vm/admin_reserve_kbytes", "proc/sys/vm/compact_unevictable_allowed"),
    *("proc/sys/vm/compaction_proactiveness", "proc/sys/vm/defrag_mode", "proc/sys/vm/dirty_*"),
    *("proc/sys/vm/extfrag_threshold", "proc/sys/vm/hugetlb_*", "proc/sys/vm/lowmem_reserve_ratio"),
    *("proc/sys/vm/max_map_count", "proc/sys/vm/min_free_kbytes", "proc/sys/vm/min_slab_ratio"),
    *("proc/sys/vm/min_unmapped_ratio", "proc/sys/vm/nr_hugepages", "proc/sys/vm/nr_overcommit_hugepages"),
    *("proc/sys/vm/oom_kill_allocating_task", "proc/sys/vm/overcommit_*", "proc/sys/vm/page-cluster"),
    *("proc/sys/vm/panic_on_oom", "proc/sys/vm/percpu_pagelist_*", "proc/sys/vm/swappiness"),
    *("proc/sys/vm/user_reserve_kbytes", "proc/sys/vm/vfs_cache_pressure", "proc/sys/vm/watermark_*"),
    *("proc/sys/vm/zone_reclaim_mode", "sys/devices/system/cpu/online", "sys/devices/system/cpu/isolated"),
    *("sys/devices/system/cpu/nohz_full", "sys/devices/system/node/online"),
    *("sys/devices/system/node/node*/meminfo", "sys/devices/system/node/node*/cpulist"),
    *(
        "sys/devices/system/node/node*/distance",
        "sys/devices/system/node/node*/hugepages/hugepages-*kB/*hugepages*",
    ),
    "sys/kernel/mm/hugepages/hugepages-*kB/*hugepages*",
    *("sys/kernel/mm/transparent_hugepage/enabled", "sys/kernel/mm/transparent_hugepage/defrag"),
    *("sys/kernel/mm/transparent_hugepage/*_*", "sys/kernel/mm/transparent_hugepage/khugepaged/*"),
    "sys/kernel/mm/transparent_hugepage/hugepages-*kB/*",
    "sys/kernel/mm/transparent_hugepage/hugepages-*kB/stats/*",
    *("sys/kernel/mm/ksm/*", "sys/kernel/mm/lru_gen/*"),
    *("sys/kernel/slab/kvm_vcpu/object_size", "sys/kernel/slab/kvm_vcpu/order"),
    "sys/kernel/slab/kvm_vcpu/objs_per_slab",
    *("sys/devices/system/edac/mc/mc*/*_count", "sys/devices/system/edac/mc/mc*/mc_name"),
    *("sys/devices/system/edac/mc/mc*/dimm*/dimm_*_count", "sys/devices/system/edac/mc/mc*/csrow*/*_count"),
    *("sys/class/dmi/id/sys_vendor", "sys/class/dmi/id/product_name"),
    *("sys/module/zswap/parameters/*", "sys/module/kvm/parameters/*", "sys/module/vhost/parameters/*"),
    *("sys/module/page_reporting/parameters/*", "sys/module/vfio_iommu_type1/parameters/*"),
    "proc/spl/kstat/zfs/arcstat*",
    *("run/libvirt/qemu/*.xml", "etc/libvirt/qemu/*.xml", "etc/libvirt/qemu/autostart/*.xml"),
)
"""Cheap files of the host. An exact path that is not there is a gap; a pattern without a match is not."""

MAY_HANG = ("etc/pve/qemu-server/*.conf",)
"""Files on file systems that can stop answering (pmxcfs is FUSE): read in a disposable child."""

DEEP = ("proc/pagetypeinfo", "proc/slabinfo", "sys/kernel/debug/extfrag/*")
"""Costly files of the host, with ``--deep`` only."""

PROCESS = ("comm", "status", "stat", "limits", "cgroup", "oom_score_adj")
"""Files of each QEMU, daemon and large process below proc/PID; none of them takes the mmap_lock."""

PROCESS_AGAIN = ("stat", "status")
PROCESS_MAY_HANG = ("smaps_rollup",)
"""With ``--deep`` only, and in a disposable child: it waits for the mmap_lock of the process."""

CGROUP_AGAIN = (
    *("memory.current", "memory.stat", "memory.events", "memory.events.local", "memory.pressure"),
    *("memory.swap.events", "memory.usage_in_bytes", "memory.failcnt", "memory.oom_control"),
    *("cpu.pressure", "io.pressure", "cpu.stat", "pids.events"),
)
"""Counters of a cgroup, of either version; each host has only some of them."""

CGROUP = (
    *CGROUP_AGAIN,
    *("memory.min", "memory.low", "memory.high", "memory.max", "memory.peak", "memory.oom.group"),
    *("memory.swap.current", "memory.swap.high", "memory.swap.max", "memory.zswap.current"),
    *("memory.zswap.max", "memory.numa_stat", "cgroup.controllers", "cgroup.events"),
    *("pids.current", "pids.max", "cpuset.cpus.effective", "cpuset.mems.effective"),
    *("memory.limit_in_bytes", "memory.max_usage_in_bytes", "memory.soft_limit_in_bytes"),
    *("memory.memsw.usage_in_bytes", "memory.memsw.limit_in_bytes", "memory.memsw.failcnt"),
    *("memory.kmem.usage_in_bytes", "memory.kmem.limit_in_bytes", "memory.swappiness"),
    *("memory.use_hierarchy", "memory.move_charge_at_immigrate"),
)
"""Files of each QEMU's memory cgroup and its ancestors."""

OWN = (
    *("kvmedic/process/*/arguments", "kvmedic/process/*/open_files", "kvmedic/process/*/stack"),
    *(
        "kvmedic/process/kinds",
        "kvmedic/process/others",
        "kvmedic/process/d_state",
        "kvmedic/page_size",
        "kvmedic/page_map.json",
    ),
    *("kvmedic/libvirt/*", "kvmedic/sources/*"),
)
"""What no file of the host holds and our collectors write."""

LIBVIRT = (
    *("sos_commands/virsh/virsh_-r_list_--all", "sos_commands/virsh/virsh_-r_domstats"),
    *("sos_commands/virsh/virsh_-r_dumpxml_*", "sos_commands/virsh/virsh_-r_dominfo_*"),
    *("sos_commands/virsh/virsh_-r_domjobinfo_*", "sos_commands/virsh/virsh_-r_nodememstats*"),
    *("sos_commands/virsh/virsh_-r_version*", "sos_commands/virsh/virsh_-r_nodeinfo"),
)
"""What ``virsh -r`` prints, one file for each command; those of storage and networks may tell secrets."""

CONFIGURATION = ("boot/config-*", *MAY_HANG)

CAPTURED = (
    *HOST,
    *DEEP,
    *CONFIGURATION,
    *OWN,
    *LIBVIRT,
    *(f"proc/*/{name}" for name in (*PROCESS, *PROCESS_MAY_HANG)),
)
"""All a bundle may hold, cgroup files apart; what matches nothing here is never written."""

SOSREPORT = (
    *("sos_commands/virsh/*", "sos_commands/process/ps_*", "sos_commands/kernel/uname_-a"),
    *("sos_commands/kernel/sysctl_-a", "sos_commands/host/*", "sos_commands/general/*"),
    *("sos_commands/date/*", "sos_commands/memory/*", "sos_commands/numa/*", "sos_commands/kvm/*"),
    *("sos_commands/libvirt/*", "sos_commands/process/*", "uname", "hostname", "uptime", "date", "ps"),
    *("free", "version.txt", "etc/hostname", "etc/os-release", "kvmedic/manifest.json"),
)
"""What a sosreport holds besides, and the rules can use."""

LOGS = (
    *("sys/fs/pstore/*", "var/lib/systemd/pstore/*", "var/lib/systemd/pstore/*/*"),
    *("var/crash/*/vmcore-dmesg.txt", "var/crash/*/dmesg.*", "var/log/kern.log*", "var/log/messages*"),
    *("var/log/syslog*", "var/log/dmesg*", "var/log/libvirt/libvirtd.log*", "var/log/libvirt/virtqemud.log*"),
    *("var/log/libvirt/qemu/*.log*", "var/log/audit/audit.log*", "var/log/corosync/corosync.log*"),
    *("var/log/cluster/corosync.log*", "var/log/pacemaker/pacemaker.log*", "var/log/mcelog*"),
    *("var/log/journal.log*", "sos_commands/logs/journalctl_*", "sos_commands/kernel/dmesg*"),
    *("var/log/pve/tasks/index*", "var/log/pve/tasks/active", "sos_commands/virsh/*.log", "kvmedic/logs/*"),
    *("sos_commands/sar/sar*", "var/log/sa/sar*", "var/log/sysstat/sar*"),
)
"""Logs, oldest evidence of a crash first. Binary journals are read through journalctl, never here, and
sysstat's own files (``sa24``) through ``sadf``; what it printed as text (``sar24``) is read as it stands.
"""

LOOSE_LOGS = (
    *("*log", "*log.*", "*log-*", "*dmesg*", "messages*", "syslog*", "kern*", "*kmsg*", "*journal*"),
    *("*console*", "*.txt", "*.txt.*", "*.export", "*.export.*", "*.out"),
)
"""Names of logs in a folder or archive of somebody's own making, where no path tells what they are."""

SYSSTAT = ("var/log/sysstat", "var/log/sa")
"""Where sysstat keeps a binary file for each day (Debian, Red Hat): sa24 or sa20261124."""

SADF = ("sadf", "-d", "-U")
SADF_ACTIVITIES = ("--", "-r", "-S", "-B", "-W", "-q")
"""How they are printed: memory, swap, paging and load as rows of cells, seconds since 1970."""
SYSSTAT_FILES = 10
"""The newest days; more are hardly ever kept, and none tells more of the last failure."""

ALIASES = (("sys/devices/virtual/dmi/id/", "sys/class/dmi/id/"),)
"""Where a sosreport holds a directory that the host shows through a link."""

PRESENCE = ("etc/libvirt/qemu/autostart/*.xml",)
"""Files of which only the existence is evidence; on a host they are links."""

DAEMONS = frozenset(
    {
        *("libvirtd", "virtqemud", "virtlogd", "virtlockd", "virtproxyd", "virtstoraged", "virtnetworkd"),
        *("virtnodedevd", "virtsecretd", "virtinterfaced", "virtnwfilterd", "virt-launcher", "virt-handler"),
        *("pmxcfs", "pvestatd", "pvedaemon", "pveproxy", "pve-ha-lrm", "pve-ha-crm", "pvescheduler"),
        *("vdsmd", "vdsm-client", "supervdsmd", "nova-compute", "cloudstack-agent", "ovs-vswitchd"),
        *("corosync", "pacemakerd", "sbd", "watchdog-mux", "multipathd", "iscsid", "ksmtuned", "numad"),
        *("systemd-oomd", "earlyoom", "oomd", "swtpm", "virtiofsd", "tuned"),
    }
)
"""Daemons that a failing host is judged by, as /proc/PID/comm names them before it cuts at 15 characters."""

QEMU_NAMES = frozenset({"qemu-kvm", "kvm", "kvm-spice", "qemu"})
"""Names of QEMU's binary besides qemu-system-ARCH."""

LARGEST_FILE_BYTES = 8 * 1024 * 1024
"""A file of evidence that is longer is cut there, and the cut is a gap."""

LARGEST_STATUS_BYTES = 64 * 1024
LARGEST_EVIDENCE_BYTES = 256 * 1024 * 1024
MOST_MATCHES = 4096
MOST_QEMU_PROCESSES = 2048
MOST_SERVICES = 20
SMALLEST_SERVICE_BYTES = 64 * 1024 * 1024

_OTHER_HIERARCHIES = frozenset(
    {
        *("blkio", "cpu", "cpuacct", "cpu,cpuacct", "cpuset", "devices", "freezer", "hugetlb", "net_cls"),
        *("net_cls,net_prio", "net_prio", "perf_event", "pids", "rdma", "systemd"),
    }
)
"""Hierarchies of cgroup version 1 that say nothing of memory; a sosreport holds a copy of each."""

_CGROUP_PATH = re.compile(r"sys/fs/cgroup/(?:[^\0]*/)?([^/]+)")


def is_named_in(patterns: Iterable[str], path: str) -> bool:
    """Whether one of the patterns stands for ``path``."""
    return _compiled(tuple(patterns)).fullmatch(path) is not None


def is_cgroup_file(path: str) -> bool:
    """Whether ``path`` is a file of the reading list in some cgroup."""
    match = _CGROUP_PATH.fullmatch(path)
    return match is not None and match[1] in CGROUP


def is_captured(path: str) -> bool:
    """Whether a bundle may hold ``path``."""
    return is_cgroup_file(path) or is_named_in(CAPTURED, path)


def is_wanted(path: str) -> bool:
    """Whether ``path`` of an archive is evidence. Logs are not: they are streamed."""
    return is_captured(path) or is_named_in(SOSREPORT, path)


def is_log(path: str) -> bool:
    """Whether ``path`` is a log that can be streamed."""
    return is_named_in(LOGS, path)


def is_loose_log(path: str) -> bool:
    """Whether a file outside of a host's layout is a log by its own name."""
    return is_named_in(LOOSE_LOGS, path.rpartition("/")[2])


def may_hold(directory: str) -> bool:
    """Whether a directory of a host, or one somewhere below it, can hold evidence or logs: a quick no
    spares reading the tens of thousands of files that a sosreport holds besides.
    """
    directory = directory.removeprefix("kvmedic/again/")
    if directory.startswith("sys/fs/cgroup/"):
        return directory.split("/")[3] not in _OTHER_HIERARCHIES
    words = tuple(directory.split("/"))
    return _is_above(words)


@cache
def _is_above(words: tuple[str, ...]) -> bool:
    return any(
        len(pattern) > len(words) and all(map(re.Pattern[str].fullmatch, pattern, words))
        for pattern in _above()
    )


@cache
def _above() -> tuple[tuple[re.Pattern[str], ...], ...]:
    """The components of every pattern, compiled; of each directory of patterns one."""
    moved = (start + "*" for start, _ in ALIASES)
    every = (*CAPTURED, *SOSREPORT, *LOGS, *moved, "sys/fs/cgroup/*", "kvmedic/again/*")
    directories = {tuple(pattern.split("/")[:-1]) for pattern in every}
    return tuple((*(_component(word) for word in words), _component("*")) for words in sorted(directories))


def _component(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, pattern.split("*"))))


@cache
def _compiled(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join("[^/]*".join(map(re.escape, pattern.split("*"))) for pattern in patterns))


JOURNAL_MATCHES: tuple[str, ...] = (
    "_TRANSPORT=kernel",
    "_COMM=libvirtd",
    "_COMM=virtqemud",
    "_COMM=corosync",
    "_COMM=systemd-oomd",
    *(
        f"SYSLOG_IDENTIFIER={name}"
        for name in (
            *("earlyoom", "nohang", "oomd", "momd", "pvestatd", "pvescheduler", "watchdog-mux", "sbd"),
            *("pve-ha-lrm", "pve-ha-crm", "pacemaker-fenced", "rasdaemon", "mcelog", "multipathd"),
        )
    ),
    *("UNIT=libvirtd.service", "UNIT=virtqemud.service"),
    *(f"_AUDIT_TYPE_NAME={name}" for name in ("VIRT_CONTROL", "VIRT_RESOURCE", "ANOM_ABEND")),
    *(f"SYSLOG_IDENTIFIER={name}" for name in ("CRON", "CROND", "crond")),
    *("MESSAGE_ID=d93fb3c9c24d451a97cea615ce59c00b", "MESSAGE_ID=98268866d1d54a499c4e98921d93bc40"),
    *("MESSAGE_ID=7d4958e842da4a758f6c1cdc7b36dcc5", "MESSAGE_ID=39f53479d3a045ac8e11786248231fbf"),
)
"""The kernel and the daemons that a failure speaks through; the ids are the journal's own end and an
orderly shutdown (systemd, sd-messages.h), without which every reboot would look like a reset, and units that
begin to start or have started, of which timers' are told beside a failure.
"""
