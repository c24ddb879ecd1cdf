"""What sysstat measured of a host: ``sar`` as text, ``sadf -d`` and ``sadf -j``; each names its own columns.

Text is in the local time of whoever printed it, the other two in UTC. Only memory, swap, paging and load are
read. What is not understood is no sample; memory and time are bounded, whatever stands in the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Final

import msgspec

from kvmedic.model.log_event import HostSample, LineRef, LogReading, Moment
from kvmedic.parse.logs.sar_text import SarText
from kvmedic.parse.logs.wall_clock import ZONE_UNCERTAINTY_S, seconds_since_1970

MOST_ROWS: Final = 90_000
"""A day of one sample each second."""
MOST_SAMPLES: Final = 3000
"""A day at one sample each half minute; of a finer one the worst of each stretch is kept."""
LONGEST_JSON_BYTES: Final = 64 << 20
_LONGEST_LINE: Final = 4096
_KEPT_CHARACTERS: Final = 160
_HEADER = re.compile(rb"\s*Linux \S{1,128} \([^)\n]{0,255}\)[ \t]+[^\n]{4,60}?[ \t]+_?\w+_?[ \t]+\(\d+ CPU\)")
_CSV_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)( UTC)?")
COLUMNS: Final[Mapping[str, tuple[str, int]]] = {
    "memfree": ("free_bytes", 1024),
    "avail": ("available_bytes", 1024),
    "swpfree": ("swap_free_bytes", 1024),
    "swpused": ("swap_used_bytes", 1024),
    "pswpin": ("swapped_in_per_s", 1),
    "pswpout": ("swapped_out_per_s", 1),
    "majflt": ("major_faults_per_s", 1),
    "pgscank": ("scanned_by_kswapd_per_s", 1),
    "pgscand": ("scanned_by_tasks_per_s", 1),
    "ldavg-1": ("load_1min", 1),
    "blocked": ("blocked_tasks", 1),
}
"""sysstat's names, without the unit that text and CSV put around them, with our field and factor."""
_LEVELS_TO_KEEP_LOW: Final = ("free_bytes", "available_bytes", "swap_free_bytes")


class _Row:
    __slots__ = ("interval_s", "is_utc", "line", "number", "values")

    def __init__(self, number: int, line: str, *, is_utc: bool, interval_s: float | None) -> None:
        self.number, self.line = number, line[:_KEPT_CHARACTERS]
        self.is_utc, self.interval_s = is_utc, interval_s
        self.values: dict[str, float] = {}


class _Rows:
    """Rows by their time: what stands in several blocks about one moment is one row."""

    def __init__(self) -> None:
        self.by_time: dict[float, _Row] = {}

    def take(
        self,
        at_s: float,
        named: Iterable[tuple[str, float]],
        *,
        line: tuple[int, str],
        is_utc: bool,
        interval_s: float | None,
    ) -> None:
        row = self.by_time.get(at_s)
        for name, value in named:
            column = COLUMNS.get(name.removeprefix("kb").removesuffix("/s"))
            if column is None:
                continue
            if row is None:
                if len(self.by_time) >= MOST_ROWS:
                    return
                row = self.by_time[at_s] = _Row(*line, is_utc=is_utc, interval_s=interval_s)
            if column[0] == "free_bytes":
                row.number, row.line = line[0], line[1][:_KEPT_CHARACTERS]
            row.values[column[0]] = value * column[1]


def is_sysstat(head: bytes) -> bool:
    """Whether a file begins like one of sysstat's reports."""
    if head.startswith((b"# hostname;interval;timestamp;", b"#hostname;interval;timestamp;")):
        return True
    return head.lstrip().startswith(b'{"sysstat"') or _HEADER.match(head) is not None


def read_sysstat(source: str, blocks: Iterable[bytes]) -> LogReading:
    """All samples of one report, in time order. Its bytes are counted by the caller."""
    rows = _Rows()
    counted = _Counted(blocks)
    lines = counted.lines()
    first = next(lines, None)
    if first is not None and first[1].lstrip().startswith(b"{"):
        _read_json(rows, chain([first], lines))
    elif first is not None and first[1].startswith(b"#"):
        _read_csv(rows, chain([first], lines))
    elif first is not None:
        _read_text(rows, source, chain([first], lines))
    return _reading(source, rows, counted)


class _Counted:
    """Numbered lines of blocks that are not empty."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks = blocks
        self.lines_total = 0

    def lines(self) -> Iterator[tuple[int, bytes]]:
        for block in self._blocks:
            for line in block.splitlines():
                self.lines_total += 1
                if line.strip():
                    yield self.lines_total, line[:_LONGEST_LINE]


def _read_text(rows: _Rows, source: str, lines: Iterable[tuple[int, bytes]]) -> None:
    text = SarText(source)
    for number, raw in lines:
        line = raw.decode("utf-8", "replace")
        told = text.read(line)
        if told is not None:
            rows.take(
                told.at_s, told.named, line=(number, line.strip()), is_utc=False, interval_s=told.interval_s
            )


def _read_csv(rows: _Rows, lines: Iterable[tuple[int, bytes]]) -> None:
    """``# hostname;interval;timestamp;NAME;…``, then rows; restarts and comments have other forms."""
    names: list[str] = []
    for number, raw in lines:
        line = raw.decode("utf-8", "replace").strip()
        cells = line.split(";")
        if line.startswith("#"):
            names = [name.strip() for name in cells[3:]]
            continue
        moment = _csv_moment(cells[2]) if len(cells) == len(names) + 3 else None
        if moment is None:
            continue
        named = [(n, v) for n, cell in zip(names, cells[3:], strict=True) if (v := _number(cell)) is not None]
        interval_s = _number(cells[1])
        rows.take(moment[0], named, line=(number, line), is_utc=moment[1], interval_s=interval_s)


def _csv_moment(text: str) -> tuple[float, bool] | None:
    """Seconds since 1970 (``sadf -U``), or date and time, in UTC where it says so."""
    if text.isascii() and text.isdecimal() and len(text) <= 11:
        return float(text), True
    match = _CSV_TIME.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    if not (1970 <= year < 2200 and 0 < month <= 12 and 0 < day <= 31):
        return None
    return float(seconds_since_1970(year, month, day, hour, minute, second)), match[7] is not None


def _number(text: str) -> float | None:
    """A number with either decimal mark; nothing that is not finite and sensible."""
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        return None
    return value if 0 <= value < 1e15 else None


_NOTHING: Final = msgspec.Raw(b"{}")


class _Timestamp(msgspec.Struct):
    date: str
    time: str
    utc: int = 0
    interval: float | None = None


class _Statistics(msgspec.Struct, rename={"swap_pages": "swap-pages"}):
    timestamp: _Timestamp | None = None
    memory: msgspec.Raw = _NOTHING
    paging: msgspec.Raw = _NOTHING
    queue: msgspec.Raw = _NOTHING
    swap_pages: msgspec.Raw = _NOTHING


class _Host(msgspec.Struct):
    statistics: list[_Statistics] = []


class _Hosts(msgspec.Struct):
    hosts: list[_Host] = []


class _Document(msgspec.Struct):
    sysstat: _Hosts


_decode = msgspec.json.Decoder(_Document).decode
_decode_group = msgspec.json.Decoder(dict[str, object]).decode


def _read_json(rows: _Rows, lines: Iterable[tuple[int, bytes]]) -> None:
    """``sadf -j``: one document; a larger or a broken one says nothing."""
    marks: list[tuple[int, str]] = []
    parts: list[bytes] = []
    size = 0
    for number, raw in lines:
        size += len(raw)
        if size > LONGEST_JSON_BYTES:
            return
        parts.append(raw)
        if b'"timestamp"' in raw:
            marks.append((number, raw.decode("utf-8", "replace").strip()))
    try:
        hosts = _decode(b"\n".join(parts)).sysstat.hosts
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return
    told = [statistics for host in hosts for statistics in host.statistics]
    for index, statistics in enumerate(told[:MOST_ROWS]):
        mark = marks[index] if len(marks) == len(told) else (1, "")
        _take_statistics(rows, statistics, mark)


def _take_statistics(rows: _Rows, statistics: _Statistics, mark: tuple[int, str]) -> None:
    stamp = statistics.timestamp
    moment = None if stamp is None else _csv_moment(f"{stamp.date} {stamp.time}")
    if stamp is None or moment is None:
        return
    groups = (statistics.memory, statistics.paging, statistics.queue, statistics.swap_pages)
    named = [pair for group in groups for pair in _numbers(group)]
    rows.take(moment[0], named, line=mark, is_utc=bool(stamp.utc), interval_s=stamp.interval)


def _numbers(group: msgspec.Raw) -> list[tuple[str, float]]:
    try:
        values = _decode_group(group)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return []
    numbers = ((name, _number(str(v))) for name, v in values.items() if isinstance(v, int | float))
    return [(name, value) for name, value in numbers if value is not None]


def _reading(source: str, rows: _Rows, counted: _Counted) -> LogReading:
    in_time = sorted(rows.by_time.items())
    stretch = -(-len(in_time) // MOST_SAMPLES) or 1
    samples = tuple(
        _sample(source, in_time[begin : begin + stretch]) for begin in range(0, len(in_time), stretch)
    )
    return LogReading(
        source=source,
        kind="sysstat",
        events=(),
        samples=samples,
        counts={},
        events_not_kept=0,
        boots=(),
        first=samples[0].at if samples else None,
        last=samples[-1].at if samples else None,
        lines_total=counted.lines_total,
        bytes_total=0,
        lines_cut=0,
        wall_offset_s=None,
    )


def _sample(source: str, rows: list[tuple[float, _Row]]) -> HostSample:
    """One sample of one row, or of the worst of several rows."""
    at_s, last = rows[-1]
    values: dict[str, float | None] = {}
    for field, _ in COLUMNS.values():
        known = [row.values[field] for _, row in rows if field in row.values]
        worst = min if field in _LEVELS_TO_KEEP_LOW else max
        value = worst(known, default=None)
        values[field] = int(value) if value is not None and field.endswith("_bytes") else value
    moment = Moment(
        monotonic_s=None,
        wall_s=at_s,
        is_zone_known=last.is_utc,
        is_year_known=True,
        uncertainty_s=1.0 if last.is_utc else ZONE_UNCERTAINTY_S,
        boot=0,
    )
    line = LineRef(source=source, line_number=last.number, text=last.line)
    fields: dict[str, object] = {**values, "at": moment, "interval_s": last.interval_s, "line": line}
    return msgspec.convert(fields, HostSample)
