# ruff: noqa: E501  log lines stay in one piece
"""Incidents that people met and published, retold in the format of their kernels, with the right verdict.

Each sample: its logs by name, the cause that must come first, and causes that must not be found at all. The texts
are our own; what they have in common with the originals is the signature.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from kernel_texts import (
    KERNEL,
    Process,
    Zone,
    dmesg,
    host_zones,
    hung,
    oom,
    refusal,
    roomy_zone,
    syslog,
)


@dataclass(frozen=True)
class Sample:
    """``may_be`` are causes that are right as well (the published case left it open)."""

    logs: dict[str, str]
    cause: str | None
    not_found: tuple[str, ...] = ()
    may_be: tuple[str, ...] = ()
    blame: str | None = None
    most_confidence: float = 1.0
    severities: tuple[str, ...] = field(default=("warning", "critical"))


def kern(text: str) -> dict[str, str]:
    """The text as kern.log."""
    return {"var/log/kern.log": syslog(text)}


QEMU = Process(4201, "qemu-system-x86", 8200)
OTHER = Process(4300, "qemu-system-x86", 7000)
FIRST, SECOND = Process(4201, "qemu-system-x86", 8200, 12600), Process(4300, "qemu-system-x86", 7000, 12600)
SMALL = Process(612, "systemd-journal", 2, uid=0)
LIBVIRT_GROUP = "/system.slice/libvirtd.service"
OLD_CORRECTED = syslog(
    "EDAC MC0: 1 CE memory read error on CPU_SrcID#0_MC#0_Chan#1_DIMM#0 (channel:1 slot:0 page:0x12345 "
    "offset:0x0 grain:32 syndrome:0x0 -  err_code:0x0101:0x0090 socket:0 imc:0 rank:1)",
    at="Oct 15 11:02:03",
    uptime_s=1000.0,
)

SAMPLES: dict[str, Sample] = {
    "S4 a container runtime asks for order 5 on a host with free memory": Sample(
        kern(refusal("dockerd", 5, "0x40dc0(GFP_KERNEL|__GFP_COMP|__GFP_ZERO)", roomy_zone(64000, 9000))),
        "memory-fragmented",
        ("host-memory-exhausted",),
    ),
    "S5 a virtual GPU asks for 2 MiB in one piece": Sample(
        kern(refusal("mevent", 9, "0x40cc0(GFP_KERNEL|__GFP_COMP)", roomy_zone(16000, 3000))),
        "memory-fragmented",
    ),
    "S7 a module asks for order 4 on an old kernel": Sample(
        kern(refusal("novfsd", 4, "0xd0", roomy_zone(32000, 4000), release="3.0.101-0.47-default")),
        "memory-fragmented",
    ),
    "S8 an interrupt asks for order 4 and retries": Sample(
        kern(refusal("swapper/0", 4, "0x20", roomy_zone(2000, 200), is_in_interrupt=True, release="3.10.0")),
        "memory-fragmented",
        ("host-memory-exhausted",),
        may_be=("atomic-reserve-low",),
        severities=("info",),
    ),
    "S10 khugepaged hangs while a GPU guest is made": Sample(
        kern(hung("khugepaged", "wait_for_completion", "__flush_work", "lru_add_drain_all")),
        "thp-compaction-stall",
    ),
    "S10b a guest's memory is compacted for minutes": Sample(
        kern(
            hung(
                "CPU 0/KVM",
                "compact_zone",
                "compact_zone_order",
                "try_to_compact_pages",
                "__alloc_pages_direct_compact",
            )
        ),
        "thp-compaction-stall",
    ),
    "S11 the backing store cannot be mapped": Sample(
        {
            "var/log/libvirt/qemu/ci-7.log": (
                "2026-11-24 02:10:01.100+0000: starting up libvirt version: 9.0.0, qemu version: 7.2.9\n"
                "qemu-system-x86_64: unable to map backing store for guest RAM: Cannot allocate memory\n"
                "2026-11-24 02:10:01.500+0000: shutting down, reason=failed\n"
            )
        },
        "hugepages-exhausted",
        ("memory-fragmented",),
        most_confidence=0.85,
    ),
    "S12 a bound guest finds too few pages on its node": Sample(
        {
            "var/log/libvirt/qemu/db02.log": (
                "2026-11-24 02:10:01.100+0000: starting up libvirt version: 7.6.0, qemu version: 6.0.0\n"
                "2026-11-24T02:10:02.000000Z qemu-kvm: os_mem_prealloc: Insufficient free host memory pages "
                "available to allocate guest RAM\n"
                "2026-11-24 02:10:02.500+0000: shutting down, reason=failed\n"
            )
        },
        "hugepages-exhausted",
    ),
    "S13 plain guest memory is refused beside a large ARC": Sample(
        {
            "var/log/libvirt/qemu/media.log": (
                "2026-11-24 02:10:01.100+0000: starting up libvirt version: 4.0.0, qemu version: 2.11.1\n"
                "2026-11-24T02:10:02.000000Z qemu-system-x86_64: cannot set up guest memory 'pc.ram': "
                "Cannot allocate memory\n"
                "2026-11-24 02:10:02.500+0000: shutting down, reason=failed\n"
            )
        },
        "host-memory-exhausted",
        ("memory-fragmented",),
        most_confidence=0.85,
    ),
    "S16 libvirtd of 28 GiB dies at its cgroup's limit": Sample(
        kern(
            oom(
                (Process(80, "libvirtd", 28000, uid=0), Process(120, "qemu-kvm", 900)),
                (),
                asker="rpc-worker",
                constraint="CONSTRAINT_MEMCG",
                group="/kubepods.slice/pod1/compute",
                memcg=("/kubepods.slice/pod1", 29000),
            )
        ),
        "management-daemon-leak",
        ("host-memory-exhausted", "memory-fragmented"),
    ),
    "S17 the constraint line decides: a cgroup": Sample(
        kern(
            oom(
                (QEMU,),
                (),
                constraint="CONSTRAINT_MEMCG",
                memcg=("/machine.slice/machine-qemu\\x2d3\\x2dweb01.scope", 8300),
            )
        ),
        "cgroup-memory-limit",
        ("host-memory-exhausted", "host-memory-overcommitted"),
        blame="host",
    ),
    "S17b a strict binding does not fall back to the node that has memory": Sample(
        kern(
            oom(
                (QEMU, OTHER),
                (*host_zones(16000, 40, node=0), *roomy_zone(48000, 39000, node=1)),
                constraint="CONSTRAINT_MEMORY_POLICY",
                nodemask="0",
            )
        ),
        "numa-node-exhausted",
        ("host-memory-exhausted", "host-memory-overcommitted", "memory-fragmented"),
    ),
    "S19 nothing is overcommitted and QEMU's overhead fills the host": Sample(
        kern(
            oom(
                (*tuple(Process(5000 + n, "qemu-system-x86", 8500, 8600) for n in range(14)), SMALL),
                host_zones(128000, 70),
                anon=119000,
            )
        ),
        "host-memory-exhausted",
        ("memory-fragmented",),
        may_be=("host-memory-overcommitted",),
    ),
    "S20 an OOM kill with 47 GB free on the other node": Sample(
        kern(
            oom(
                tuple(Process(6000 + n, "qemu-system-x86", 110000, 121000) for n in range(3)),
                (*host_zones(200000, 90, node=0), *roomy_zone(200000, 48000, node=1)),
                swap=(3, 500),
                age="4.18",
                gfp="0x6200ca(GFP_HIGHUSER_MOVABLE)",
            )
        ),
        "numa-node-exhausted",
        ("host-memory-exhausted", "memory-fragmented"),
        most_confidence=0.89,
    ),
    "S21 one cgroup's own slab cache is refused": Sample(
        kern(
            "SLUB: Unable to allocate memory on node -1 (gfp=0x20)\n"
            "  cache: kmalloc-1024(1793:9b3fd8a8), object size: 1024, buffer size: 1024, default order: 3, min order: 0\n"
            "  node 0: slabs: 12, objs: 384, free: 0\n"
        ),
        "cgroup-memory-limit",
        ("host-memory-exhausted",),
    ),
    "S21b slab that cannot be given back fills the host": Sample(
        kern(oom((QEMU, SMALL), host_zones(64000, 60), slab=52000, anon=8300)),
        "kernel-memory-growth",
        ("memory-fragmented",),
    ),
    "S22 systemd-oomd kills under pressure": Sample(
        {
            "journal": (
                "Nov 24 03:00:12 kvm-b3 systemd-oomd[801]: Killed /machine.slice/machine-qemu\\x2d3\\x2dweb01.scope "
                "due to memory pressure for /machine.slice being 51.07% > 50.00% for > 20s with reclaim activity\n"
            )
        },
        "userspace-oom-killer",
        ("host-memory-exhausted",),
    ),
    "S25 the balloon driver cannot fill the balloon": Sample(
        {
            "var/log/kern.log": "".join(
                syslog(
                    "virtio_balloon virtio3: Out of puff! Can't get 1 pages",
                    at=f"Nov 24 03:00:{s:02d}",
                    uptime_s=9000.0 + s,
                )
                for s in range(10, 40)
            )
        },
        "balloon-over-inflated",
    ),
    "S23 a guest whose balloon took most of it runs out of memory": Sample(
        {
            "var/log/kern.log": dmesg(
                oom(
                    (Process(900, "postgres", 900, uid=26), Process(901, "nginx", 300, uid=33)),
                    (Zone("Normal", 12, 8, 1500, 8192, 0, ((0, 3000, "UME"),)),),
                    asker="postgres",
                    group="/system.slice/postgresql.service",
                    hardware="QEMU Standard PC (Q35 + ICH9, 2009), BIOS 1.16.2-1 04/01/2014",
                    anon=1250,
                )
            )
        },
        "balloon-over-inflated",
        ("host-memory-exhausted", "host-memory-overcommitted"),
        blame="host",
    ),
    "S28 a guest without an inflated balloon runs out of memory by itself": Sample(
        {
            "var/log/kern.log": dmesg(
                oom(
                    (Process(900, "java", 7400, uid=1000), SMALL),
                    host_zones(7900, 30),
                    asker="java",
                    group="/user.slice",
                    hardware="QEMU Standard PC (Q35 + ICH9, 2009), BIOS 1.16.2-1 04/01/2014",
                )
            )
        },
        "guest-internal",
        ("host-memory-exhausted", "balloon-over-inflated"),
        blame="guest",
    ),
    "S31 a full disk pauses the guest": Sample(
        {
            "var/log/libvirt/qemu/web01.log": (
                "2026-11-24 02:00:00.000+0000: starting up libvirt version: 9.0.0, qemu version: 7.2.9\n"
                "block I/O error in device 'drive-virtio-disk0': No space left on device (28)\n"
            )
        },
        "storage-full",
        ("host-memory-exhausted",),
    ),
    "S31b an I/O error pauses the guest": Sample(
        {
            "var/log/libvirt/qemu/web01.log": (
                "2026-11-24 02:00:00.000+0000: starting up libvirt version: 9.0.0, qemu version: 7.2.9\n"
                "block I/O error in device 'drive-virtio-disk0': Input/output error (5)\n"
            )
        },
        "guest-paused",
        may_be=("storage-stall",),
    ),
    "S34 corrected machine checks while guests run are benign": Sample(
        kern(
            "mce: [Hardware Error]: Machine check events logged\n"
            "mce: [Hardware Error]: CPU 2: Machine Check: 0 Bank 0: 90000040000f0005\n"
        ),
        None,
        ("hardware-memory-error",),
    ),
    "S35 a soft lockup in a vCPU": Sample(
        kern(
            "watchdog: BUG: soft lockup - CPU#24 stuck for 26s! [qemu-system-x86:263413]\n"
            "CPU: 24 PID: 263413 Comm: qemu-system-x86 Not tainted 6.5.0-rc2-snp-host #1\n"
            "Hardware name: AMD Corporation ETHANOL_X/ETHANOL_X, BIOS RXM1009B 05/14/2023\n"
            "RIP: 0010:smp_call_function_many_cond+0x12f/0x5a0\nCall Trace:\n <TASK>\n on_each_cpu_cond_mask+0x20/0x30\n </TASK>\n"
        ),
        "soft-lockup",
    ),
    "S36 full swap without traffic is no pressure": Sample(
        kern("Adding 999420k swap on /dev/sda3.  Priority:-2 extents:1 across:999420k FS\n"),
        None,
        ("swap-thrashing",),
    ),
    "S40 a guest died and no line says why": Sample(
        {
            "var/log/libvirt/qemu/web01.log": (
                "2026-11-24 02:00:00.000+0000: starting up libvirt version: 9.0.0, qemu version: 7.2.9\n"
                "2026-11-24 02:40:00.000+0000: shutting down, reason=crashed\n"
            )
        },
        "unexplained",
        most_confidence=0.6,
        blame="unknown",
    ),
    "overcommitted guests are killed for order 0": Sample(
        {
            "var/log/kern.log": OLD_CORRECTED
            + syslog(oom((FIRST, SECOND, SMALL), host_zones(15900, 60), swap=(0, 400)))
        },
        "host-memory-overcommitted",
        ("memory-fragmented", "cgroup-memory-limit", "hardware-memory-error"),
        blame="host",
    ),
    "the same on a kernel of 2013": Sample(
        kern(oom((FIRST, SECOND, SMALL), host_zones(15900, 60), swap=(0, 400), age="3.10")),
        "host-memory-overcommitted",
        ("memory-fragmented",),
    ),
    "order 2 is fragmentation where a zone has room and no block": Sample(
        kern(
            oom(
                (QEMU, SMALL),
                roomy_zone(64000, 2000),
                order=2,
                gfp="0xdc0(GFP_KERNEL|__GFP_ZERO)",
                asker="fork-bomb",
            )
        ),
        "memory-fragmented",
        ("host-memory-exhausted",),
    ),
    "order 2 is shortage where no zone has room": Sample(
        kern(oom((QEMU, SMALL), host_zones(9000, 40), order=2, gfp=KERNEL, asker="systemd")),
        "host-memory-exhausted",
        ("memory-fragmented",),
    ),
    "somebody called the OOM killer by hand": Sample(
        kern(
            "sysrq: Manual OOM execution\n"
            + oom((QEMU, SMALL), roomy_zone(64000, 30000), order=-1, gfp=KERNEL, asker="kworker/2:1")
        ),
        "manual-oom",
        ("host-memory-exhausted",),
        blame="neither",
    ),
    "a service beside the guests holds the memory": Sample(
        kern(
            oom(
                (
                    Process(700, "ceph-osd", 30000, uid=64045),
                    Process(701, "ceph-osd", 22000, uid=64045),
                    QEMU,
                    SMALL,
                ),
                host_zones(64000, 60),
                victim=QEMU,
            )
        ),
        "colocated-service-memory",
        ("memory-fragmented", "host-memory-overcommitted"),
    ),
}
