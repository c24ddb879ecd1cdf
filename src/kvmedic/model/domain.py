"""Facts of one domain: what libvirt, its QEMU process, its cgroup and the page map say of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from kvmedic.model.gap import Missing, Reason
from kvmedic.model.memory import Pressure
from kvmedic.model.record import Record

ManagedBy = Literal[
    "libvirt",
    "nova",
    "ovirt",
    "kubevirt",
    "proxmox",
    "cloudstack",
    "opennebula",
    "pacemaker",
    "harvester",
    "by-hand",
]
Backing = Literal["anonymous", "hugetlb", "memfd", "file"]
"""What guest RAM is made of; "memfd" is any shared RAM that is no file on a disk."""
StrandedMethod = Literal["page-map", "sampled-page-map", "lru-accounting"]
DriverState = Literal["alive", "silent", "none"]
"""alive: it answers; silent: a device is there and nothing ever answered; none: the domain has no balloon."""


class StrandedReading(Record, frozen=True, kw_only=True):
    """Memory allocated to the domain's folios that nobody maps, by one method, with its error (95 %)."""

    method: StrandedMethod
    bytes: int
    blocks: int | None
    error_bytes: int


class GuestRates(Record, frozen=True, kw_only=True):
    """What the guest's own counters grew by per second, between two of its reports.

    ``interval_s`` lies between the two reports, which carry whole seconds. None: a report lacks the counter.
    """

    interval_s: float
    swap_in_bytes_per_s: float | None
    swap_out_bytes_per_s: float | None
    major_faults_per_s: float | None


class GuestStatistics(Record, frozen=True, kw_only=True):
    """What the balloon driver reports of the guest (virDomainMemoryStats), in bytes.

    ``usable_bytes`` is the guest's MemAvailable; ``available_bytes`` is its MemTotal (libvirt's word);
    ``unused_bytes`` its MemFree. 2^64−1 and missing tags are None. ``last_update_at`` 0 means: never.
    """

    period_s: int | None
    last_update_at: int | None
    age_s: float | None
    usable_bytes: int | None
    available_bytes: int | None
    unused_bytes: int | None
    disk_caches_bytes: int | None
    swap_in_bytes: int | None
    swap_out_bytes: int | None
    major_faults: int | None
    rates: GuestRates | Missing
    """Of what was swapped and faulted; a gap unless the guest reported twice in one examination."""
    is_fresh: bool


class CgroupLevel(Record, frozen=True, kw_only=True):
    """One memory cgroup on the way from the domain's group up to the root; limits None when unlimited.

    ``usage_bytes`` is memory.current (v2) or memory.usage_in_bytes (v1); ``events`` is memory.events, or
    on v1 failcnt and oom_control's oom_kill under the v2 names "max" and "oom_kill".
    """

    path: str
    usage_bytes: int | Missing
    max_bytes: int | Missing | None
    high_bytes: int | Missing | None
    swap_max_bytes: int | Missing | None
    events: Mapping[str, int] | Missing
    event_rates: Mapping[str, float] | Missing


IN_ROOT_GROUP = Missing(
    source="memory cgroup",
    reason=Reason.NOT_FOUND,
    detail="its memory is charged to the root group, which has no limit",
)
"""In the place of a domain's ``CgroupFacts``: it has no group, so no group limits it."""


class CgroupFacts(Record, frozen=True, kw_only=True):
    """The *effective* memory cgroup of a domain: where its memory is charged.

    ``path`` is relative to the memory hierarchy's root. ``qemu_pids`` are the QEMU processes charged to it:
    with more than one, what it says of memory cannot be attributed. ``ancestors`` go from its parent up to
    the last group below the root, which has no limits.
    """

    version: Literal[1, 2]
    path: str
    own: CgroupLevel
    ancestors: tuple[CgroupLevel, ...]
    stat: Mapping[str, int] | Missing
    pressure: Pressure | Missing
    cpu_pressure: Pressure | Missing
    """Of the group's tasks: a domain's vCPUs and QEMU's own threads. Version 1 has none."""
    qemu_pids: tuple[int, ...]


class ProcessFacts(Record, frozen=True, kw_only=True):
    """A QEMU process as /proc shows it. ``state`` is the kernel's letter (R S D T t Z …)."""

    pid: int
    start_ticks: int
    state: str
    rss_bytes: int
    rss_anon_bytes: int | Missing
    rss_shmem_bytes: int | Missing
    swap_bytes: int | Missing
    locked_bytes: int | Missing
    hugetlb_bytes: int | Missing
    page_tables_bytes: int | Missing
    threads: int
    oom_score_adj: int | Missing
    open_files: int | Missing
    open_files_limit: int | Missing | None
    locked_limit_bytes: int | Missing | None
    numa_nodes_allowed: str | Missing
    kernel_stack: tuple[str, ...] | Missing


class DomainGrowth(Record, frozen=True, kw_only=True):
    """What changed of a domain between the two readings, in bytes; below 0 it fell. None: not read twice."""

    interval_s: float
    balloon_actual_bytes: int | None
    rss_bytes: int | None
    thp_bytes: int | None


class DomainFacts(Record, frozen=True, kw_only=True):
    """One domain of the host, or a QEMU process that no manager lists (``source`` "process").

    ``source`` "status-xml": libvirt did not answer; its own files tell of the domain. ``state`` is as virsh
    prints it ("running", "paused", "shut off"), ``state_reason`` as libvirt's status XML spells it ("booted",
    "ioerror", "user"). ``is_running``: a QEMU holds memory for it, paused or not.
    """

    name: str
    uuid: str | Missing
    source: Literal["libvirt", "status-xml", "process"]
    state: str
    state_reason: str | Missing
    is_running: bool
    is_persistent: bool | Missing
    autostarts: bool | Missing
    managed_by: ManagedBy
    managed_by_because: str
    pid: int | Missing
    process: ProcessFacts | Missing
    vcpus: int | Missing
    is_emulated: bool | Missing
    """QEMU's own translator (TCG) runs the guest, not KVM."""
    memory_max_bytes: int | Missing
    balloon_configured_bytes: int | Missing
    """currentMemory of the live definition."""
    balloon_target_bytes: int | Missing
    balloon_actual_bytes: int | Missing
    balloon_model: str | Missing
    balloon_driver: DriverState | Missing
    free_page_reporting: bool | Missing
    deflate_on_oom: bool | Missing
    guest: GuestStatistics | Missing
    backing: Backing | Missing
    discards_inhibited_by: tuple[str, ...]
    """Why QEMU cannot give ballooned memory back: "hugetlb", "vfio", "vdpa", "sev", "locked" …"""
    rss_bytes: int | Missing
    memcg_bytes: int | Missing
    thp_bytes: int | Missing
    cgroup: CgroupFacts | Missing
    growth: DomainGrowth | None
    """None where there was one reading only."""
    stranded: tuple[StrandedReading, ...]
    stranded_gap: Missing | None
    """Why ``stranded`` is empty or lacks its best method."""
    host_nodes: str | None
    """NUMA nodes the guest's memory is bound to (strict), as a kernel list; None when unbound."""
    hugepage_size_bytes: int | None
    job: str | None
    pending_changes: tuple[str, ...]
    """What the inactive definition says otherwise than the live one; takes effect at the next power cycle."""
    has_managed_save: bool | Missing

    @property
    def stranded_best(self) -> StrandedReading | None:
        """The most trustworthy reading: the whole page map, else the one with the smaller error."""
        return min(
            self.stranded,
            key=lambda reading: (reading.method != "page-map", reading.error_bytes),
            default=None,
        )
