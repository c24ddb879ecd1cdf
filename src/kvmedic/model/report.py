"""The Report: what people and machines read of one examination. It is published, so its words are permanent.

Field order is the order of the JSON. ``null`` stands where a fact is missing, and the gap is in ``gaps``;
bytes are exact integers, times are ISO 8601 in UTC. The JSON Schema (docs/schema/report-1.json) is made of it
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import Meta

from kvmedic.model.domain import StrandedMethod, StrandedReading
from kvmedic.model.evidence import Target
from kvmedic.model.finding import Because, Refuted, SeverityName, Subject
from kvmedic.model.gap import Missing
from kvmedic.model.memory import Pressure
from kvmedic.model.record import Record

SchemaName = Literal["kvmedic/report/1"]
SCHEMA: SchemaName = "kvmedic/report/1"
Verdict = Literal["healthy", "at-risk", "failing", "undetermined"]
Blame = Literal["host", "guest", "neither", "unknown"]


class ReportedFinding(Record, frozen=True, kw_only=True):
    """A cause that is present, with its proof and the remedies that fit it."""

    cause: Annotated[str, Meta(description="permanent id of the cause; docs/causes has a page of that name")]
    subject: Subject
    severity: Annotated[SeverityName, Meta(description="how much it matters now; follows need, not size")]
    confidence: Annotated[
        float, Meta(ge=0, le=1, description="proven from 0.9, likely from 0.6, else possible")
    ]
    summary: Annotated[str, Meta(description="one sentence for people")]
    because: Annotated[tuple[Because, ...], Meta(description="the proof, strongest first")]
    remedies: Annotated[
        tuple[str, ...], Meta(description="ids of fitting remedies, the safest useful one first")
    ]


class ReportedUndetermined(Record, frozen=True, kw_only=True):
    """A cause that could not be judged, and what was in the way."""

    cause: str
    is_essential: Annotated[
        bool, Meta(description="true: while this is open, the host is not called healthy")
    ]
    lacking: Annotated[tuple[str, ...], Meta(description="what was missing, as phrases")]


class ReportedZone(Record, frozen=True, kw_only=True):
    """One zone of one NUMA node: free blocks by order, watermarks, both fragmentation indices by order."""

    node: int
    zone: str
    free_bytes: int
    free_blocks: Annotated[tuple[int, ...], Meta(description="free blocks of each order, from order 0")]
    min_bytes: int | None
    low_bytes: int | None
    high_bytes: int | None
    managed_bytes: int | None
    unusable_index: Annotated[
        tuple[float, ...], Meta(description="share of free memory useless to a request of each order, 0 to 1")
    ]
    fragmentation_index: Annotated[
        tuple[float | None, ...],
        Meta(
            description="null: such a request succeeds; towards 0: too little memory; towards 1: fragmented"
        ),
    ]


class ReportedLedger(Record, frozen=True, kw_only=True):
    """Where the host's memory is, in bytes."""

    total_bytes: int
    free_bytes: int
    guests_maximum_bytes: int | None
    guests_actual_bytes: int | None
    guests_rss_bytes: int | None
    anonymous_other_bytes: int
    stranded_bytes: int | None
    page_cache_bytes: int
    shmem_bytes: int
    slab_bytes: int
    hugetlb_bytes: int
    kernel_bytes: int
    unaccounted_bytes: int
    if_all_deflate_short_bytes: Annotated[
        int | None, Meta(description="what would lack if every balloon deflated; 0 or less: it fits")
    ]


class ReportedOrder(Record, frozen=True, kw_only=True):
    """An order of block that this host asks for: by whom, and what happens when there is none."""

    order: int
    user: str
    on_failure: str


class ReportedMemory(Record, frozen=True, kw_only=True):
    """The memory of the host."""

    page_size_bytes: int
    total_bytes: int | None
    available_bytes: int | None
    stranded_bytes: Annotated[int | None, Meta(description="of the whole host, by its LRU accounting")]
    ledger: ReportedLedger | None
    zones: tuple[ReportedZone, ...] | None
    demanded_orders: tuple[ReportedOrder, ...]
    pressure_memory: Pressure | None
    pressure_cpu: Pressure | None
    pressure_io: Pressure | None


class ReportedHost(Record, frozen=True, kw_only=True):
    """Who this host is and what it runs."""

    name: str
    boot_id: str | None
    kernel_release: str | None
    uptime_s: float | None
    cpus_online: Annotated[str | None, Meta(description="a kernel list, such as 0-31")]
    hardware_name: str | None
    is_virtual_machine: bool | None
    cgroup_version: Literal[1, 2] | None
    libvirt: Annotated[
        Literal["answers", "hung", "absent"] | None, Meta(description="does its daemon answer")
    ]
    libvirt_version: str | None
    load_1min: float | None
    memory: ReportedMemory


class ReportedDomain(Record, frozen=True, kw_only=True):
    """One domain, or a QEMU process that no manager lists (``source`` process)."""

    name: str
    uuid: str | None
    source: Literal["libvirt", "status-xml", "process"]
    state: str
    is_running: bool
    managed_by: str
    pid: int | None
    vcpus: int | None
    memory_max_bytes: int | None
    balloon_configured_bytes: int | None
    balloon_target_bytes: Annotated[
        int | None, Meta(description="known only from a journal or a manager's log")
    ]
    balloon_actual_bytes: int | None
    balloon_driver: Literal["alive", "silent", "none"] | None
    free_page_reporting: bool | None
    guest_usable_bytes: Annotated[int | None, Meta(description="the guest's MemAvailable, only while fresh")]
    guest_statistics_age_s: float | None
    backing: str | None
    discards_inhibited_by: tuple[str, ...]
    rss_bytes: int | None
    swap_bytes: int | None
    memcg_bytes: Annotated[int | None, Meta(description="usage of the memory cgroup it is charged to")]
    memcg_max_bytes: Annotated[
        int | None, Meta(description="its own limit; null: none, or not known (see missing)")
    ]
    thp_bytes: int | None
    stranded_bytes: Annotated[int | None, Meta(description="allocated to its folios and mapped by nobody")]
    stranded_method: StrandedMethod | None
    stranded: tuple[StrandedReading, ...]
    pending_changes: tuple[str, ...]
    missing: Annotated[
        Mapping[str, str], Meta(description="for each null fact, the source of its gap in gaps")
    ]


class Samples(Record, frozen=True, kw_only=True):
    """How many seconds lie between the two readings; null: one reading, so no rates."""

    interval_s: float | None


class Incident(Record, frozen=True, kw_only=True):
    """One failure that happened: when, by which cause, whom it hit, and the log lines themselves."""

    at: str | None
    cause: str
    victim: Subject | None
    lines: tuple[Because, ...]


class TimelineEntry(Record, frozen=True, kw_only=True):
    """One moment across all sources; ``uncertainty_s`` is how far the clock may be off.

    ``since_boot_s`` is the kernel's own clock, which may be all that a log has.
    """

    at: str | None
    since_boot_s: Annotated[float | None, Meta(description="seconds after boot, where the line tells them")]
    text: str
    source: str
    line: int | None
    uncertainty_s: float | None


class Recurrence(Record, frozen=True, kw_only=True):
    """The same failure again and again; ``mean_s`` and ``sd_s`` only where there are enough intervals."""

    count: int
    intervals_s: tuple[float, ...]
    mean_s: float | None
    sd_s: float | None
    sentence: str


class Story(Record, frozen=True, kw_only=True):
    """What ``why`` adds to a report: what happened, to whom, how often, and what to do."""

    blame: Blame
    incidents: tuple[Incident, ...]
    timeline: tuple[TimelineEntry, ...]
    recurrence: Recurrence | None
    advice: tuple[str, ...]
    collect: tuple[str, ...]


class Report(Record, frozen=True, kw_only=True):
    """The report of one examination: the verdict, why, what was cleared, and what was not seen."""

    schema: SchemaName
    target: Target
    taken_at: Annotated[str | None, Meta(description="ISO 8601, UTC")]
    verdict: Annotated[Verdict, Meta(description="failing before at-risk before undetermined before healthy")]
    findings: Annotated[
        tuple[ReportedFinding, ...], Meta(description="by severity, then the most likely first")
    ]
    refuted: tuple[Refuted, ...]
    undetermined: tuple[ReportedUndetermined, ...]
    gaps: Annotated[tuple[Missing, ...], Meta(description="everything that was not seen, and why")]
    host: ReportedHost
    samples: Samples
    domains: Annotated[tuple[ReportedDomain, ...] | None, Meta(description="null: no domain could be listed")]
    blame: Annotated[Blame | None, Meta(description="null: no past failure was looked into")]
    incidents: tuple[Incident, ...]
    timeline: tuple[TimelineEntry, ...]
    recurrence: Recurrence | None
    advice: tuple[str, ...]
    collect: Annotated[tuple[str, ...], Meta(description="what to collect where it cannot be told")]
