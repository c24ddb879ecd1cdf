"""The report as metrics: OpenMetrics text that is also good for a node exporter's textfile collector.

Only gauges, no time stamps, base units. A fact that is missing has no series: absence is never zero.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import get_args

from kvmedic.model.memory import Pressure, PressureLine
from kvmedic.model.record import Record
from kvmedic.model.report import (
    Report,
    ReportedDomain,
    ReportedFinding,
    ReportedLedger,
    ReportedMemory,
    ReportedZone,
    Verdict,
)
from kvmedic.render.ledger_parts import LEDGER_PARTS
from kvmedic.render.options import RenderOptions
from kvmedic.render.sanitise import for_label

Series = tuple[dict[str, str], float | int | None]


class Family(Record, frozen=True, kw_only=True):
    """One metric: its name without prefix, what it means, and its series."""

    name: str
    meaning: str
    series: tuple[Series, ...]


def render_report(report: Report, options: RenderOptions) -> str:
    """All metrics of a cleaned report, ending with ``# EOF``."""
    families = (
        *_of_report(report),
        *_of_host(report),
        *_of_zones(report),
        *_of_domains(report.domains or ()),
    )
    lines = [line for family in families for line in _lines(family)]
    return "\n".join([*lines, "# EOF"]) + "\n"


def _family(name: str, meaning: str, *series: Series) -> Family:
    return Family(name=name, meaning=meaning, series=series)


def _lines(family: Family) -> Iterator[str]:
    """The family's text. The same labels twice would make the file invalid, so the highest value stands."""
    values: dict[str, float | int] = {}
    for labels, value in family.series:
        if value is not None:
            key = _labels(labels)
            values[key] = max(value, values.get(key, value))
    if values:
        yield f"# HELP kvmedic_{family.name} {family.meaning}"
        yield f"# TYPE kvmedic_{family.name} gauge"
    yield from (f"kvmedic_{family.name}{key} {value}" for key, value in values.items())


def _labels(labels: dict[str, str]) -> str:
    inside = ",".join(f'{name}="{for_label(value)}"' for name, value in labels.items())
    return f"{{{inside}}}" if inside else ""


def _of_report(report: Report) -> Iterator[Family]:
    verdicts = (({"verdict": name}, int(name == report.verdict)) for name in get_args(Verdict))
    yield _family("verdict", "1 for the verdict of the last examination, else 0", *verdicts)
    taken = None if report.taken_at is None else int(datetime.fromisoformat(report.taken_at).timestamp())
    yield _family("taken_timestamp_seconds", "When the facts were read, seconds since 1970", ({}, taken))
    interval = report.samples.interval_s
    yield _family("sample_interval_seconds", "Time between the two readings behind rates", ({}, interval))
    yield _family(
        "finding_confidence_ratio",
        "Probability of a cause that was found, 0 to 1",
        *((_finding_labels(finding), finding.confidence) for finding in report.findings),
    )
    yield _family("cause_state", "1 for what was concluded of a cause", *_states(report))
    gaps = Counter(gap.reason.value for gap in report.gaps)
    yield _family(
        "gaps", "Things that were not seen", *(({"reason": why}, count) for why, count in gaps.items())
    )


def _finding_labels(finding: ReportedFinding) -> dict[str, str]:
    subject = finding.subject
    is_domain = subject.kind == "domain"
    return {
        "cause": finding.cause,
        "severity": finding.severity,
        "kind": subject.kind,
        "subject": subject.name,
        "uuid": (subject.id or "") if is_domain else "",
    }


def _states(report: Report) -> Iterator[Series]:
    states = (
        ("found", (finding.cause for finding in report.findings)),
        ("refuted", (suspect.cause for suspect in report.refuted)),
        ("undetermined", (item.cause for item in report.undetermined)),
    )
    for state, causes in states:
        yield from (({"cause": cause, "state": state}, 1) for cause in dict.fromkeys(causes))


def _of_host(report: Report) -> Iterator[Family]:
    host, memory = report.host, report.host.memory
    who = {"host": host.name, "kernel": host.kernel_release or "", "boot_id": host.boot_id or ""}
    yield _family("host_info", "The host that was examined", (who, 1))
    yield _family("host_uptime_seconds", "Time since the host booted", ({}, host.uptime_s))
    yield _family("host_memory_total_bytes", "MemTotal", ({}, memory.total_bytes))
    yield _family("host_memory_available_bytes", "MemAvailable", ({}, memory.available_bytes))
    meaning = "Memory allocated and mapped by nobody, whole host, by LRU accounting"
    yield _family("host_stranded_bytes", meaning, ({}, memory.stranded_bytes))
    yield from _of_ledger(memory.ledger)
    stalls = _stalls(memory)
    yield _family("host_pressure_60s_ratio", "Share of the last minute in which tasks stalled", *stalls)


def _of_ledger(ledger: ReportedLedger | None) -> Iterator[Family]:
    if ledger is None:
        return
    parts = (({"part": name.removesuffix("_bytes")}, getattr(ledger, name)) for name in LEDGER_PARTS)
    yield _family("host_ledger_bytes", "Where the memory of the host is", *parts)
    for name, meaning in (
        ("guests_maximum", "Sum of the maxima of the running domains"),
        ("guests_actual", "Sum of what the balloons leave to the running domains"),
        ("if_all_deflate_short", "What would lack if every balloon deflated; 0 or less: it fits"),
    ):
        yield _family(f"host_{name}_bytes", meaning, ({}, getattr(ledger, f"{name}_bytes")))


def _stalls(memory: ReportedMemory) -> Iterator[Series]:
    for resource in ("memory", "cpu", "io"):
        pressure: Pressure | None = getattr(memory, f"pressure_{resource}")
        if pressure is not None:
            yield {"resource": resource, "kind": "some"}, _share(pressure.some)
            full = None if pressure.full is None else _share(pressure.full)
            yield {"resource": resource, "kind": "full"}, full


def _share(line: PressureLine) -> float:
    return round(line.avg60_percent / 100, 6)


def _of_zones(report: Report) -> Iterator[Family]:
    zones = report.host.memory.zones or ()
    yield _family("zone_free_blocks", "Free blocks of one order", *_by_order(zones, "free_blocks"))
    meaning = "Share of free memory that no request of this order can use"
    yield _family("zone_unusable_ratio", meaning, *_by_order(zones, "unusable_index"))
    meaning = "0 too little memory to 1 fragmented; no series where a request succeeds"
    yield _family("zone_fragmentation_ratio", meaning, *_by_order(zones, "fragmentation_index"))
    for name, meaning in (
        ("free", "Free memory of a zone"),
        ("min", "Watermark min of a zone, boost included"),
        ("low", "Watermark low of a zone, boost included"),
        ("high", "Watermark high of a zone, boost included"),
        ("managed", "Memory of a zone that the page allocator manages"),
    ):
        sizes = ((_zone_labels(zone), getattr(zone, f"{name}_bytes")) for zone in zones)
        yield _family(f"zone_{name}_bytes", meaning, *sizes)


def _zone_labels(zone: ReportedZone) -> dict[str, str]:
    return {"node": str(zone.node), "zone": zone.zone}


def _by_order(zones: Iterable[ReportedZone], field: str) -> Iterator[Series]:
    for zone in zones:
        values: tuple[float | None, ...] = getattr(zone, field)
        yield from (
            ({**_zone_labels(zone), "order": str(order)}, value) for order, value in enumerate(values)
        )


_DOMAIN_SIZES = (
    ("memory_max", "Maximum memory of a domain"),
    ("balloon_actual", "Memory the balloon leaves to the guest"),
    ("guest_usable", "MemAvailable as the guest reports it, while fresh"),
    ("rss", "Resident memory of the QEMU process"),
    ("swap", "Swap used by the QEMU process"),
    ("memcg", "Usage of the memory cgroup the domain is charged to"),
    ("memcg_max", "Limit of that memory cgroup"),
    ("thp", "Memory of a domain in transparent huge pages"),
)


def _of_domains(domains: Iterable[ReportedDomain]) -> Iterator[Family]:
    known = tuple(domains)
    running = (
        ({**_domain_labels(domain), "managed_by": domain.managed_by}, int(domain.is_running))
        for domain in known
    )
    yield _family("domain_running", "1 while the domain runs", *running)
    for name, meaning in _DOMAIN_SIZES:
        sizes = ((_domain_labels(domain), getattr(domain, f"{name}_bytes")) for domain in known)
        yield _family(f"domain_{name}_bytes", meaning, *sizes)
    stranded = (
        ({**_domain_labels(domain), "method": reading.method}, reading.bytes)
        for domain in known
        for reading in domain.stranded
    )
    yield _family("domain_stranded_bytes", "Memory of a domain that nobody maps, by method", *stranded)


def _domain_labels(domain: ReportedDomain) -> dict[str, str]:
    """Name and UUID; a process without a UUID is told from its namesakes by its PID."""
    identity = domain.uuid or ("" if domain.pid is None else f"pid {domain.pid}")
    return {"domain": domain.name, "uuid": identity}
