"""Hand-written reports: a healthy host, stranded memory, an OOM kill seen afterwards, and a blind look."""

from __future__ import annotations

import msgspec

from kvmedic.model.domain import StrandedReading
from kvmedic.model.evidence import Target
from kvmedic.model.finding import Because, Refuted, Subject
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.memory import Pressure, PressureLine
from kvmedic.model.report import (
    SCHEMA,
    Incident,
    Recurrence,
    Report,
    ReportedDomain,
    ReportedFinding,
    ReportedHost,
    ReportedLedger,
    ReportedMemory,
    ReportedOrder,
    ReportedUndetermined,
    ReportedZone,
    Samples,
    TimelineEntry,
)
from kvmedic.units import GIB, MIB

UUID = "6f1c8a52-0d5b-4a6c-9e63-0d7b4f1f8c11"
STAGING = Subject(kind="domain", name="staging-worker-l2-04", id=UUID)
_CALM = PressureLine(avg10_percent=0.0, avg60_percent=0.12, avg300_percent=0.4, total_us=81_234_567)


def proof(text: str, source: str, line: int | None = None) -> Because:
    return Because(text=text, source=source, line=line)


def zone(node: int, name: str, free_blocks: tuple[int, ...], managed: int) -> ReportedZone:
    free_pages = sum(count << order for order, count in enumerate(free_blocks))
    return ReportedZone(
        node=node,
        zone=name,
        free_bytes=free_pages * 4096,
        free_blocks=free_blocks,
        min_bytes=66 * MIB,
        low_bytes=82 * MIB,
        high_bytes=98 * MIB,
        managed_bytes=managed,
        unusable_index=(0.0, 0.11, 0.36, 0.62, 0.97, 0.99, 1.0, 1.0, 1.0, 1.0, 1.0),
        fragmentation_index=(None, None, None, None, None, 0.91, 0.95, 0.97, 0.98, 0.99, 0.99),
    )


LEDGER = ReportedLedger(
    total_bytes=128 * GIB,
    free_bytes=3 * GIB,
    guests_maximum_bytes=112 * GIB,
    guests_actual_bytes=104 * GIB,
    guests_rss_bytes=92 * GIB,
    anonymous_other_bytes=5 * GIB,
    stranded_bytes=4 * GIB,
    page_cache_bytes=14 * GIB,
    shmem_bytes=512 * MIB,
    slab_bytes=4 * GIB,
    hugetlb_bytes=0,
    kernel_bytes=3 * GIB,
    unaccounted_bytes=2560 * MIB,
    if_all_deflate_short_bytes=-21 * GIB,
)
HOST = ReportedHost(
    name="kvm-host-b3",
    boot_id="3f0c9f0e-6f4b-4d0e-8a1e-0c6a4f5d9b21",
    kernel_release="6.1.0-25-amd64",
    uptime_s=83 * 86400.0,
    cpus_online="0-31",
    hardware_name="Example Systems R1",
    is_virtual_machine=False,
    cgroup_version=2,
    libvirt="answers",
    libvirt_version="9.0.0",
    load_1min=7.25,
    memory=ReportedMemory(
        page_size_bytes=4096,
        total_bytes=128 * GIB,
        available_bytes=9 * GIB,
        stranded_bytes=4 * GIB,
        ledger=LEDGER,
        zones=(
            zone(0, "DMA32", (12, 40, 31, 12, 8, 6, 4, 2, 2, 1, 380), 2 * GIB),
            zone(0, "Normal", (188_000, 61_200, 14_100, 2_210, 3, 0, 0, 0, 0, 0, 0), 62 * GIB),
            zone(1, "Normal", (9_120, 6_004, 4_110, 1_208, 640, 320, 110, 62, 30, 12, 4), 64 * GIB),
        ),
        demanded_orders=(
            ReportedOrder(order=4, user="kvm_vcpu slab", on_failure="a new vCPU cannot be created"),
        ),
        pressure_memory=Pressure(some=_CALM, full=_CALM),
        pressure_cpu=Pressure(some=_CALM, full=None),
        pressure_io=None,
    ),
)


def domain(name: str, uuid: str | None, maximum: int, actual: int, rss: int) -> ReportedDomain:
    return ReportedDomain(
        name=name,
        uuid=uuid,
        source="libvirt",
        state="running",
        is_running=True,
        managed_by="libvirt",
        pid=25104,
        vcpus=4,
        memory_max_bytes=maximum,
        balloon_configured_bytes=actual,
        balloon_target_bytes=None,
        balloon_actual_bytes=actual,
        balloon_driver="alive",
        free_page_reporting=False,
        guest_usable_bytes=1 * GIB,
        guest_statistics_age_s=3.0,
        backing="anonymous",
        discards_inhibited_by=(),
        rss_bytes=rss,
        swap_bytes=0,
        memcg_bytes=rss + 60 * MIB,
        memcg_max_bytes=None,
        thp_bytes=rss - 200 * MIB,
        stranded_bytes=0,
        stranded_method="lru-accounting",
        stranded=(StrandedReading(method="lru-accounting", bytes=0, blocks=None, error_bytes=8 * MIB),),
        pending_changes=(),
        missing={"balloon_target_bytes": "balloon target"},
    )


STRANDED_DOMAIN = msgspec.structs.replace(
    domain("staging-worker-l2-04", UUID, 8 * GIB, 4 * GIB, 4 * GIB + 96 * MIB),
    memcg_bytes=8 * GIB + 100 * MIB,
    stranded_bytes=4 * GIB,
    stranded_method="page-map",
    stranded=(
        StrandedReading(method="page-map", bytes=4 * GIB, blocks=4096, error_bytes=0),
        StrandedReading(method="lru-accounting", bytes=4 * GIB - 9 * MIB, blocks=None, error_bytes=64 * MIB),
    ),
)
DOMAINS = (
    STRANDED_DOMAIN,
    domain("db-01", "0b0a4c2e-7a60-4a2b-8a33-2d0f0f1b7a01", 64 * GIB, 64 * GIB, 62 * GIB),
    domain("web-1", "1c0a4c2e-7a60-4a2b-8a33-2d0f0f1b7a02", 40 * GIB, 36 * GIB, 26 * GIB),
)
REFUTED = (
    Refuted(
        cause="host-memory-overcommitted",
        because=(proof("every balloon could deflate: 21 GiB to spare", "proc/meminfo"),),
    ),
    Refuted(cause="hugepages-exhausted", because=(proof("no domain asks for huge pages", "libvirt"),)),
    Refuted(cause="swap-thrashing", because=(proof("0 pages/s swapped in or out", "proc/vmstat"),)),
    Refuted(cause="cgroup-memory-limit", because=(proof("no group has a limit", "sys/fs/cgroup"),)),
    Refuted(cause="manual-oom", because=(proof("nobody pressed the key", "kern.log"),)),
)
GAPS = (
    Missing(source="proc/pagetypeinfo", reason=Reason.DENIED, detail="needs root"),
    Missing(source="journal", reason=Reason.NOT_FOUND, detail="none on this host"),
    Missing(source="balloon target", reason=Reason.NOT_COLLECTED, detail="no journal of ours names it"),
)
HEALTHY = Report(
    schema=SCHEMA,
    target=Target(kind="host", name="kvm-host-b3"),
    taken_at="2026-11-24T02:12:40Z",
    verdict="healthy",
    findings=(),
    refuted=REFUTED,
    undetermined=(),
    gaps=GAPS[2:],
    host=HOST,
    samples=Samples(interval_s=2.0),
    domains=DOMAINS[1:],
    blame=None,
    incidents=(),
    timeline=(),
    recurrence=None,
    advice=(),
    collect=(),
)
STRANDED_FINDING = ReportedFinding(
    cause="balloon-stranded-memory",
    subject=STAGING,
    severity="warning",
    confidence=0.97,
    summary="the balloon took 4.0 GiB from staging-worker-l2-04, and the host did not get 4.0 GiB of it back",
    because=(
        proof("actual 4.0 GiB, maximum 8.0 GiB, statistics 3 s old", "libvirt"),
        proof(
            "8.1 GiB on its lists, 4.1 GiB mapped",
            "sys/fs/cgroup/machine.slice/machine-qemu.scope/memory.stat",
        ),
        proof("4.0 GiB allocated and mapped by nobody in 4,096 huge pages partly mapped", "page-map"),
        proof("9.0 GiB of 128 GiB available", "proc/meminfo"),
    ),
    remedies=("release-stranded-memory", "tune-host", "enable-free-page-reporting", "disable-balloon"),
)
FRAGMENTED_FINDING = ReportedFinding(
    cause="memory-fragmented",
    subject=Subject(kind="zone", name="node 0 zone Normal", id=None),
    severity="warning",
    confidence=0.75,
    summary="a new vCPU needs a free 64 KiB block (order 4), and 3 are left",
    because=(proof("3 free blocks of order 4 or larger", "proc/buddyinfo", 2),),
    remedies=("compact-memory",),
)
AT_RISK = msgspec.structs.replace(
    HEALTHY,
    verdict="at-risk",
    findings=(STRANDED_FINDING, FRAGMENTED_FINDING),
    undetermined=(
        ReportedUndetermined(
            cause="atomic-reserve-low", is_essential=False, lacking=("proc/pagetypeinfo: needs root",)
        ),
        ReportedUndetermined(
            cause="host-reset-unlogged", is_essential=False, lacking=("journal: none on this host",)
        ),
    ),
    gaps=GAPS,
    domains=DOMAINS,
)
OOM_LINES = (
    proof(
        "CPU 2/KVM invoked oom-killer: gfp_mask=0x140dca(GFP_HIGHUSER_MOVABLE|__GFP_COMP|__GFP_ZERO),"
        " order=0, oom_score_adj=0",
        "var/log/kern.log",
        48211,
    ),
    proof(
        "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),global_oom,task=qemu-system-x86,pid=25104,uid=64055",
        "var/log/kern.log",
        48260,
    ),
    proof(
        "Out of memory: Killed process 25104 (qemu-system-x86) total-vm:9412780kB, anon-rss:8391212kB",
        "var/log/kern.log",
        48262,
    ),
)
OOM_FINDING = ReportedFinding(
    cause="host-memory-exhausted",
    subject=Subject(kind="host", name="host", id=None),
    severity="critical",
    confidence=0.96,
    summary=(
        "at 03:00:12 the kernel killed QEMU (PID 25104, staging-worker-l2-04) because the host ran out of"
        " memory, not because memory was fragmented"
    ),
    because=(
        proof("asked for it, and is not to blame", "var/log/kern.log", 48211),
        proof("the whole host was out of memory, not one cgroup", "var/log/kern.log", 48260),
        proof("the biggest process, so it was chosen", "var/log/kern.log", 48262),
        proof("three balloons deflated by 6.1 GiB in 90 s", "var/log/mom.log", 911),
    ),
    remedies=("evacuate-host", "release-stranded-memory"),
)
WHY_OOM = msgspec.structs.replace(
    HEALTHY,
    target=Target(kind="sosreport", name="sosreport-kvm-host-b3.tar.xz"),
    verdict="failing",
    findings=(OOM_FINDING,),
    refuted=(
        Refuted(
            cause="memory-fragmented",
            because=(
                proof("one page was wanted (order 0), so no block was needed", "var/log/kern.log", 48211),
            ),
        ),
        Refuted(cause="cgroup-memory-limit", because=(proof("global_oom", "var/log/kern.log", 48260),)),
        Refuted(
            cause="hardware-memory-error", because=(proof("last EDAC line 40 days old", "kern.log.3", 9),)
        ),
    ),
    gaps=GAPS[1:2],
    blame="host",
    incidents=(
        Incident(
            at="2026-11-24T03:00:12Z",
            cause="host-memory-exhausted",
            victim=Subject(kind="domain", name="staging-worker-l2-04", id=UUID),
            lines=OOM_LINES,
        ),
    ),
    timeline=(
        TimelineEntry(
            at="2026-11-24T02:58:40Z",
            since_boot_s=None,
            text="MOM began to deflate three balloons",
            source="var/log/mom.log",
            line=911,
            uncertainty_s=1.0,
        ),
        *(
            TimelineEntry(
                at="2026-11-24T03:00:12Z",
                since_boot_s=7142301.5,
                text=text,
                source="var/log/kern.log",
                line=line,
                uncertainty_s=0.001,
            )
            for text, line in (
                ("the OOM killer ran", 48211),
                ("it chose by the memory of the whole host", 48260),
                ("QEMU of staging-worker-l2-04 was killed", 48262),
            )
        ),
    ),
    recurrence=Recurrence(
        count=4,
        intervals_s=(510_000.0, 540_000.0, 570_000.0),
        mean_s=540_000.0,
        sd_s=30_000.0,
        sentence="rebooting the guest does not help: this is the 4th time in 23 days (every 6.2 d ± 0.3 d)",
    ),
    advice=(
        "move a guest away before starting staging-worker-l2-04 again",
        "keep the sum of the guests' maxima below the host's memory",
    ),
    collect=("the journal of the previous boot (journalctl -b -1)",),
)
UNDETERMINED = msgspec.structs.replace(
    HEALTHY,
    verdict="undetermined",
    undetermined=(
        ReportedUndetermined(
            cause="balloon-stranded-memory",
            is_essential=True,
            lacking=("proc/25104/status: permission denied",),
        ),
        ReportedUndetermined(
            cause="atomic-reserve-low", is_essential=False, lacking=("proc/pagetypeinfo: needs root",)
        ),
    ),
    refuted=REFUTED[1:2],
    gaps=(
        Missing(source="libvirt", reason=Reason.TIMED_OUT, detail="libvirtd did not answer within 2 s"),
        *(
            Missing(source=f"proc/{pid}/status", reason=Reason.DENIED, detail="permission denied")
            for pid in (25104, 25190, 26001)
        ),
        GAPS[0],
    ),
    domains=None,
)
SAMPLES = {"healthy": HEALTHY, "at-risk": AT_RISK, "why-oom": WHY_OOM, "undetermined": UNDETERMINED}
