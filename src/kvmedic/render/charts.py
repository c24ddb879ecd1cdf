"""Geometry of the charts in a page: where the host's memory is, free blocks by size, and domains as bars.

Numbers only; the template draws. Coordinates are in the chart's own units, bytes are kept beside them.
"""

from __future__ import annotations

from collections.abc import Sequence

from kvmedic.model.record import Record
from kvmedic.model.report import Report, ReportedDomain, ReportedLedger, ReportedZone
from kvmedic.render.amounts import amount
from kvmedic.render.ledger_parts import LEDGER_PARTS
from kvmedic.units import human_bytes

LEDGER_WIDTH = 1000.0
BAR_WIDTH = 160.0
COLUMN_HEIGHT = 64.0
PART_NAMES = {
    "guests_rss_bytes": "guests",
    "stranded_bytes": "stranded",
    "anonymous_other_bytes": "other processes",
    "hugetlb_bytes": "huge pages (hugetlb)",
    "page_cache_bytes": "page cache",
    "shmem_bytes": "shared memory",
    "slab_bytes": "slab",
    "kernel_bytes": "kernel",
    "unaccounted_bytes": "unaccounted",
    "free_bytes": "free",
}


class Part(Record, frozen=True, kw_only=True):
    """One part of the ledger's bar: its place, its share in percent, its size in words."""

    key: str
    name: str
    x: float
    width: float
    share_percent: float
    size: str


class Column(Record, frozen=True, kw_only=True):
    """The free blocks of one order: how many, of what size, and the column's height."""

    order: int
    block: str
    number: str
    unit: str
    count: int
    label: str
    height: float
    is_short: bool
    """No block of this order or a larger one is left, and this host asks for such blocks."""


class ZoneChart(Record, frozen=True, kw_only=True):
    """The free memory of one zone by the size of its blocks."""

    title: str
    free: str
    watermarks: str
    columns: tuple[Column, ...]


class DomainBar(Record, frozen=True, kw_only=True):
    """Maximum, actual, RSS and stranded memory of one domain on one scale; None: not known."""

    domain: ReportedDomain
    maximum: float | None
    actual: float | None
    rss: float | None
    stranded: float | None
    words: dict[str, str]


def ledger_parts(ledger: ReportedLedger | None) -> tuple[Part, ...]:
    """The parts that are there, side by side; a negative remainder is left out of the picture."""
    if ledger is None:
        return ()
    sizes = [(name, getattr(ledger, name)) for name in LEDGER_PARTS]
    shown = [(name, size) for name, size in sizes if size is not None and size > 0]
    whole = sum(size for _, size in shown) or 1
    parts, x = [], 0.0
    for name, size in shown:
        width = LEDGER_WIDTH * size / whole
        parts.append(_part(name, size, x, width))
        x += width
    return tuple(parts)


def _part(name: str, size: int, x: float, width: float) -> Part:
    return Part(
        key=name.removesuffix("_bytes").replace("_", "-"),
        name=PART_NAMES[name],
        x=round(x, 2),
        width=round(width, 2),
        share_percent=round(100 * width / LEDGER_WIDTH, 1),
        size=human_bytes(size),
    )


def zone_charts(report: Report) -> tuple[ZoneChart, ...]:
    """One chart for each zone that has free memory to show."""
    memory = report.host.memory
    demanded = {demand.order for demand in memory.demanded_orders}
    return tuple(_zone_chart(zone, memory.page_size_bytes, demanded) for zone in memory.zones or ())


def _zone_chart(zone: ReportedZone, page_bytes: int, demanded: set[int]) -> ZoneChart:
    sizes = [count * (page_bytes << order) for order, count in enumerate(zone.free_blocks)]
    most = max(sizes, default=0) or 1
    short = {order for order in demanded if not any(zone.free_blocks[order:])}
    columns = tuple(
        _column(order, count, page_bytes << order, COLUMN_HEIGHT * sizes[order] / most, order in short)
        for order, count in enumerate(zone.free_blocks)
    )
    title = f"node {zone.node} zone {zone.zone}"
    return ZoneChart(
        title=title, free=human_bytes(zone.free_bytes), watermarks=_watermarks(zone), columns=columns
    )


def _column(order: int, count: int, block_bytes: int, height: float, is_short: bool) -> Column:
    block = human_bytes(block_bytes).replace(".0 ", " ")
    number, _, unit = block.partition(" ")
    return Column(
        order=order,
        block=block,
        number=number,
        unit=unit,
        count=count,
        label=f"{count:,}" if count < 10_000 else f"{count / 1000:,.0f}k",
        height=round(height, 2),
        is_short=is_short,
    )


def _watermarks(zone: ReportedZone) -> str:
    if zone.min_bytes is None:
        return "watermarks not known"
    marks = (("min", zone.min_bytes), ("low", zone.low_bytes), ("high", zone.high_bytes))
    return "watermarks " + ", ".join(f"{name} {amount(size)}" for name, size in marks)


def domain_bars(domains: Sequence[ReportedDomain]) -> tuple[DomainBar, ...]:
    """All domains on one scale, the largest maximum or RSS filling it."""
    known = [
        size
        for domain in domains
        for size in (domain.memory_max_bytes, domain.rss_bytes, domain.balloon_actual_bytes)
        if size is not None
    ]
    scale = BAR_WIDTH / max(known, default=1) if any(known) else 0.0
    return tuple(_domain_bar(domain, scale) for domain in domains)


def _domain_bar(domain: ReportedDomain, scale: float) -> DomainBar:
    def length(size: int | None) -> float | None:
        return None if size is None else round(size * scale, 2)

    return DomainBar(
        domain=domain,
        maximum=length(domain.memory_max_bytes),
        actual=length(domain.balloon_actual_bytes),
        rss=length(domain.rss_bytes),
        stranded=length(domain.stranded_bytes),
        words={
            "maximum": amount(domain.memory_max_bytes),
            "actual": amount(domain.balloon_actual_bytes),
            "rss": amount(domain.rss_bytes),
            "stranded": amount(domain.stranded_bytes),
        },
    )
