"""Hand-written snapshots: a healthy host of 64 GiB with one running domain, and what a test changes of it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from kvmedic.derive.zones import derive_zones
from kvmedic.model.domain import (
    CgroupFacts,
    CgroupLevel,
    DomainFacts,
    GuestRates,
    GuestStatistics,
    ProcessFacts,
    StrandedMethod,
    StrandedReading,
)
from kvmedic.model.evidence import Target
from kvmedic.model.finding import Judgement
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.memory import (
    FreeArea,
    HugepagePool,
    Meminfo,
    Pressure,
    PressureLine,
    SlabCache,
    Swap,
    TransparentHugepages,
    Zone,
)
from kvmedic.model.snapshot import DaemonFacts, HostFacts, ServiceMemory, Snapshot
from kvmedic.model.zone_facts import ArcFacts, DemandedOrder, Ledger, MemoryFacts, NodeFacts, Rates, ZoneFacts
from kvmedic.units import GIB, KIB, MIB

GONE = Missing(source="the/evidence", reason=Reason.DENIED, detail="may not be read")
PAGE = 4096
TOTAL = 64 * GIB
PLENTY = (10_000, 10_000, 10_000, 10_000, 10_000, 5_000, 2_000, 1_000, 500, 500, 1_000)


def outcome(judgement: Judgement) -> str:
    """The row of a table test: present, absent or undetermined (a finding outweighs a lack)."""
    if judgement.findings:
        return "present"
    return "undetermined" if judgement.lacking else "absent" if judgement.refuted else "silent"


def texts(judgement: Judgement) -> str:
    """All that a judgement says, as one text."""
    found = (f"{item.summary} {' '.join(line.text for line in item.because)}" for item in judgement.findings)
    return " | ".join([*found, *judgement.lacking, *(line.text for line in judgement.refuted)])


def pressure(some: float = 0.0, full: float | None = 0.0) -> Pressure:
    """A pressure file with the same share in every window."""
    return Pressure(some=_line(some), full=None if full is None else _line(full))


def _line(percent: float) -> PressureLine:
    return PressureLine(
        avg10_percent=percent, avg60_percent=percent, avg300_percent=percent, total_us=987_654_321
    )


def rates(**per_second: float) -> Rates:
    """Nothing grows but what is named."""
    resting = {
        "allocstall_normal": 0.0,
        "allocstall_movable": 0.0,
        "pgscan_direct": 0.0,
        "pgsteal_direct": 0.0,
        "pswpin": 0.0,
        "pswpout": 0.0,
        "workingset_refault_anon": 0.0,
        "workingset_refault_file": 0.0,
        "compact_stall": 0.0,
        "compact_fail": 0.0,
        "compact_success": 0.0,
        "thp_fault_alloc": 0.0,
        "thp_fault_fallback": 0.0,
        "thp_collapse_alloc": 0.0,
        "htlb_buddy_alloc_fail": 0.0,
        "cow_ksm": 0.0,
        "oom_kill": 0.0,
    }
    return Rates(interval_s=2.0, per_second=resting | per_second)


def meminfo(available: int = 40 * GIB, total: int = TOTAL, **rows: int) -> Meminfo:
    """/proc/meminfo; names with brackets are given as ``Active_file``."""
    ordinary = {
        "MemTotal": total,
        "MemFree": available // 2,
        "MemAvailable": available,
        "SUnreclaim": 300 * MIB,
        "PageTables": 100 * MIB,
        "HardwareCorrupted": 0,
    }
    named = {name.replace("_file", "(file)"): value for name, value in rows.items()}
    return Meminfo(source="proc/meminfo", bytes_of=ordinary | named, counts={})


def zone(
    free_blocks: tuple[int, ...] = PLENTY,
    *,
    node: int = 0,
    name: str = "Normal",
    minimum: int = 10_000,
    free: int | None = None,
    protection: tuple[int, ...] = (),
) -> ZoneFacts:
    """A zone with its watermarks; ``free`` differs from the blocks where a test says so."""
    pages = sum(count << order for order, count in enumerate(free_blocks)) if free is None else free
    info = Zone(
        node=node,
        zone=name,
        free_pages=pages,
        min_pages=minimum,
        low_pages=minimum * 5 // 4,
        high_pages=minimum * 3 // 2,
        spanned_pages=TOTAL // PAGE,
        present_pages=TOTAL // PAGE,
        managed_pages=TOTAL // PAGE,
        protection_pages=protection,
        start_pfn=0,
        pcp_pages=0,
        counters={},
        node_counters={},
    )
    zones = derive_zones([FreeArea(node=node, zone=name, free_blocks=free_blocks)], [info])
    assert not isinstance(zones, Missing)
    return zones[0]


def ledger(**changes: object) -> Ledger:
    """A ledger that adds up to an ordinary host, with 20 GiB to spare."""
    ordinary = Ledger(
        total=TOTAL,
        free=20 * GIB,
        guests_maximum=8 * GIB,
        guests_actual=8 * GIB,
        guests_rss=8 * GIB,
        anonymous_other=1 * GIB,
        stranded=0,
        page_cache=20 * GIB,
        shmem=0,
        slab=1 * GIB,
        hugetlb=0,
        kernel=1 * GIB,
        unaccounted=1 * GIB,
        if_all_deflate_short=-20 * GIB,
    )
    return msgspec.structs.replace(ordinary, **changes)


VCPU = DemandedOrder(
    order=4,
    user="a new vCPU (kvm_vcpu)",
    on_failure="no vCPU can be created (ENOMEM)",
    source="sys/kernel/slab/kvm_vcpu/order",
)
HUGE = DemandedOrder(
    order=9,
    user="transparent huge pages",
    on_failure="small pages",
    source="sys/kernel/mm/transparent_hugepage/enabled",
)


def thp(**settings: str) -> TransparentHugepages:
    """Settings at the kernel's defaults; ``max_ptes_none`` is khugepaged's."""
    words = {"enabled": "always", "khugepaged/max_ptes_none": "511"}
    named = {
        name.replace("max_ptes_none", "khugepaged/max_ptes_none"): word for name, word in settings.items()
    }
    return TransparentHugepages(settings=words | named, pmd_size_bytes=2 * MIB, stats={})


def memory(**changes: object) -> MemoryFacts:
    """The memory of a healthy host."""
    vmstat = {
        "nr_dirty": 100,
        "nr_writeback": 0,
        "nr_dirty_threshold": 1_000_000,
        "nr_dirty_background_threshold": 500_000,
        "compact_stall": 9_000_000,
        "compact_fail": 8_900_000,
        "allocstall_normal": 5_000_000,
        "pswpin": 7_000_000,
        "pswpout": 7_000_000,
    }
    ordinary = MemoryFacts(
        page_size_bytes=PAGE,
        meminfo=meminfo(),
        zones=(zone(),),
        nodes=(NodeFacts(node=0, meminfo=meminfo(), hugepages=(), cpus="0-7"),),
        vmstat=vmstat,
        rates=rates(),
        pressure_memory=pressure(),
        pressure_cpu=pressure(),
        pressure_io=pressure(),
        hugepages=(),
        swaps=(Swap(name="/dev/sda2", size_bytes=8 * GIB, used_bytes=0, priority=-2),),
        thp=thp(),
        ksm={"run": 0, "pages_sharing": 0},
        zfs_arc=None,
        kvm_vcpu_slab=SlabCache(name="kvm_vcpu", object_size_bytes=51_456, order=4, objects_per_slab=1),
        demanded_orders=(VCPU,),
        ledger=ledger(),
        stranded_bytes=0,
    )
    return msgspec.structs.replace(ordinary, **changes)


def host(**changes: object) -> HostFacts:
    """An ordinary host of eight CPUs."""
    ordinary = HostFacts(
        name="kvm-1",
        kernel_release="6.1.0-25-amd64",
        boot_id="b",
        uptime_s=83 * 86400.0,
        cpus_online="0-7",
        command_line="",
        hardware_name="PowerEdge R7525",
        is_virtual_machine=False,
        cgroup_version=2,
        sysctls={"fs.aio-nr": "1000", "fs.aio-max-nr": "1048576", "vm.min_free_kbytes": "67584"},
        kernel_configuration={},
        libvirt_version="9.0.0",
        load_1min=1.0,
        memory_errors={"mc0/ce_count": 0, "mc0/ue_count": 0},
        d_state_tasks=(),
    )
    return msgspec.structs.replace(ordinary, **changes)


def guest(usable: int | None = 4 * GIB, **changes: object) -> GuestStatistics:
    """Fresh statistics of a guest of 8 GiB."""
    ordinary = GuestStatistics(
        period_s=10,
        last_update_at=1_700_000_000,
        age_s=3.0,
        usable_bytes=usable,
        available_bytes=8 * GIB,
        unused_bytes=1 * GIB,
        disk_caches_bytes=1 * GIB,
        swap_in_bytes=0,
        swap_out_bytes=0,
        major_faults=1000,
        rates=Missing(
            source="rates of the guest", reason=Reason.NOT_COLLECTED, detail="the guest reported once only"
        ),
        is_fresh=True,
    )
    return msgspec.structs.replace(ordinary, **changes)


def guest_rates(**changes: object) -> GuestRates:
    """A guest that neither swaps nor faults between two of its reports."""
    resting = GuestRates(
        interval_s=10.0, swap_in_bytes_per_s=0.0, swap_out_bytes_per_s=0.0, major_faults_per_s=0.3
    )
    return msgspec.structs.replace(resting, **changes)


def process(**changes: object) -> ProcessFacts:
    """The QEMU process of an ordinary domain."""
    ordinary = ProcessFacts(
        pid=4242,
        start_ticks=1,
        state="S",
        rss_bytes=8 * GIB + 100 * MIB,
        rss_anon_bytes=8 * GIB,
        rss_shmem_bytes=0,
        swap_bytes=0,
        locked_bytes=0,
        hugetlb_bytes=0,
        page_tables_bytes=16 * MIB,
        threads=12,
        oom_score_adj=0,
        open_files=60,
        open_files_limit=1024,
        locked_limit_bytes=64 * KIB,
        numa_nodes_allowed="0",
        kernel_stack=(),
    )
    return msgspec.structs.replace(ordinary, **changes)


def level(path: str = "machine.slice/vm.scope", **changes: object) -> CgroupLevel:
    """A memory group without limits."""
    ordinary = CgroupLevel(
        path=path,
        usage_bytes=8 * GIB,
        max_bytes=None,
        high_bytes=None,
        swap_max_bytes=None,
        events={},
        event_rates={},
    )
    return msgspec.structs.replace(ordinary, **changes)


def cgroup(own: CgroupLevel | None = None, **changes: object) -> CgroupFacts:
    """The group of one domain below an unlimited slice."""
    ordinary = CgroupFacts(
        version=2,
        path="machine.slice/vm.scope",
        own=own or level(),
        ancestors=(level("machine.slice"),),
        stat={"inactive_file": 0, "active_file": 0},
        pressure=pressure(),
        cpu_pressure=GONE,
        qemu_pids=(4242,),
    )
    return msgspec.structs.replace(ordinary, **changes)


def stranded(size: int, method: StrandedMethod = "page-map", error: int = 0) -> StrandedReading:
    """A reading of stranded memory."""
    return StrandedReading(method=method, bytes=size, blocks=None, error_bytes=error)


def domain(name: str = "web-1", **changes: object) -> DomainFacts:
    """A running domain of 8 GiB with a balloon at its maximum."""
    ordinary = DomainFacts(
        name=name,
        uuid=f"uuid-of-{name}",
        source="libvirt",
        state="running",
        state_reason="booted",
        is_running=True,
        is_persistent=True,
        autostarts=True,
        managed_by="libvirt",
        managed_by_because="no owner named",
        pid=4242,
        process=process(),
        vcpus=4,
        is_emulated=False,
        growth=None,
        memory_max_bytes=8 * GIB,
        balloon_configured_bytes=8 * GIB,
        balloon_target_bytes=GONE,
        balloon_actual_bytes=8 * GIB,
        balloon_model="virtio",
        balloon_driver="alive",
        free_page_reporting=False,
        deflate_on_oom=False,
        guest=guest(),
        backing="anonymous",
        discards_inhibited_by=(),
        rss_bytes=8 * GIB + 100 * MIB,
        memcg_bytes=8 * GIB + 200 * MIB,
        thp_bytes=7 * GIB,
        cgroup=cgroup(),
        stranded=(stranded(0),),
        stranded_gap=None,
        host_nodes=None,
        hugepage_size_bytes=None,
        job=None,
        pending_changes=(),
        has_managed_save=False,
    )
    return msgspec.structs.replace(ordinary, **changes)


def daemon(**changes: object) -> DaemonFacts:
    """libvirtd, as it is when well."""
    ordinary = DaemonFacts(
        name="libvirtd", pid=900, state="S", rss_bytes=45 * MIB, open_files=40, open_files_limit=8192
    )
    return msgspec.structs.replace(ordinary, **changes)


def service(name: str = "ceph-osd", rss_bytes: int = 200 * MIB, pid: int = 77) -> ServiceMemory:
    """A process beside the guests."""
    return ServiceMemory(name=name, pid=pid, rss_bytes=rss_bytes, swap_bytes=0)


def pool(
    total: int, free: int, *, reserved: int = 0, node: int | None = None, size: int = 2 * MIB
) -> HugepagePool:
    """A pool of hugetlb pages."""
    return HugepagePool(
        node=node,
        page_size_bytes=size,
        total_pages=total,
        free_pages=free,
        reserved_pages=reserved,
        surplus_pages=0,
        overcommit_pages=0,
    )


def snapshot(
    *domains: DomainFacts, memory_facts: Mapping[str, object] | None = None, **changes: object
) -> Snapshot:
    """A healthy host with ``domains`` (one ordinary domain where none is given)."""
    ordinary = Snapshot(
        target=Target(kind="host", name="kvm-1"),
        taken_at=1_700_000_003.0,
        interval_s=2.0,
        host=host(),
        memory=memory(**dict(memory_facts or {})),
        domains=domains or (domain(),),
        daemons=(daemon(),),
        services=(service(),),
        libvirt="answers",
        page_map=GONE,
        pagetypeinfo=GONE,
        slabs=GONE,
        events=GONE,
        gaps=(),
    )
    return msgspec.structs.replace(ordinary, **changes)


def short(**facts: object) -> dict[str, object]:
    """Memory facts of a host that is short of memory, for severities that follow need."""
    return {"meminfo": meminfo(available=4 * GIB)} | facts


def arc(size: int, least: int = 1 * GIB) -> ArcFacts:
    """The cache of ZFS, which may take half of the host."""
    return ArcFacts(size_bytes=size, least_bytes=least, most_bytes=TOTAL // 2)
