"""Reads a whole log, streaming: finds the lines worth reading, lets families read them, keeps what counts.

Between reports the log is only scanned; while a report is open its following lines are read one by one.
Time and memory are bounded by the length of the log and by constants, whatever stands in it: when reports
repeat without end, later ones are read lightly, floods of one line are only counted, and the last part of
the log is read again in full, because what happened last matters most.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from kvmedic.model.log_event import LogEvent, LogKind, LogReading
from kvmedic.model.log_line import Moment
from kvmedic.parse.logs.activities import Activities
from kvmedic.parse.logs.boots import BootTrack
from kvmedic.parse.logs.envelope import Envelope, LogLine
from kvmedic.parse.logs.families import open_line
from kvmedic.parse.logs.flood import Floods
from kvmedic.parse.logs.line_numbers import LineCounter, count_line_ends
from kvmedic.parse.logs.open_reports import OpenReports
from kvmedic.parse.logs.qemu_log import domain_of_source
from kvmedic.parse.logs.report import Collector, Context
from kvmedic.parse.logs.retention import EventStore, tag_of
from kvmedic.parse.logs.scan import Scanner

BLOCKS_READ_AGAIN: Final = 8
READ_LINE_BYTES: Final = 8 << 10
"""So much of a line is read: printk and the daemons write less, and patterns stay quick on it."""
EMPTY: Final = b"\r\n\x00 "


class LogReader:
    """State of reading one log; ``feed`` takes blocks of whole lines."""

    def __init__(
        self,
        source: str,
        *,
        scanner: Scanner | None = None,
        boot: int = 0,
        lines: int = 0,
        count: LineCounter = count_line_ends,
    ) -> None:
        self._context = Context(source)
        self._context.boot = boot
        self._scanner = scanner or Scanner()
        self._envelope = Envelope(has_hosts=domain_of_source(source) is None)
        self._store = EventStore()
        self._boots = BootTrack(self._context, self._store)
        self._reports = OpenReports(self._emit)
        self._floods = Floods()
        self._activities = Activities(self._context, self._envelope.read, self._store.add)
        self._recent: deque[tuple[int, int, bytes]] = deque(maxlen=BLOCKS_READ_AGAIN)
        self._count = count
        self._lines = lines
        self._tail = b""
        self._first: LogLine | None = None
        self._wall_offset_s: float | None = None

    def is_pstore(self) -> None:
        """Say that what follows was left by a dying kernel."""
        self._context.is_pstore = True

    def feed(self, block: bytes) -> None:
        """Read one block; it ends with a line end."""
        if self._first is None:
            self._begin(block)
        self._recent.append((self._lines, self._context.boot, block))
        position, counted, number = 0, 0, self._lines
        hit = self._scanner.next_hit(block, 0)
        while position < len(block):
            if self._reports.wants_all_lines:
                begin = position
            elif hit >= len(block):
                break
            else:
                begin = _line_begin(block, position, hit)
            end = block.find(b"\n", begin)
            number += self._count(block, counted, begin)
            counted = begin
            self._take(block, begin, end, number + 1, is_hit=hit < end)
            position = end + 1
            if hit < position:
                hit = self._scanner.next_hit(block, position)
        self._lines = number + self._count(block, counted, len(block))
        self._tail = _last_line(block) or self._tail

    def _begin(self, block: bytes) -> None:
        head = block[: block.find(b"\n")][:READ_LINE_BYTES]
        self._first = self._envelope.read(self._lines + 1, _decode(head))
        self._boots.begins_with(self._first)

    def _take(self, block: bytes, begin: int, end: int, number: int, *, is_hit: bool) -> None:
        raw = block[begin : min(end, begin + READ_LINE_BYTES)]
        if is_hit and (
            self._activities.takes(raw, number, self._context.boot) or self._is_flooded(raw, number)
        ):
            return
        line = self._envelope.read(number, _decode(raw))
        if is_hit:
            self._note_clock(line)
            if self._boots.is_boundary(line):
                self._turn(line, _last_line(block[:begin]) or self._tail)
                return
        if self._reports.offer(line) or not is_hit or self._boots.take(line):
            return
        self._open(line, raw)

    def _is_flooded(self, raw: bytes, number: int) -> bool:
        """True for a line that need not be read; a header among them ends the report that is open."""
        if not self._floods.is_flooded(raw, number, self._context.boot, is_open=bool(self._reports)):
            return False
        self._reports.close_all()
        return True

    def _open(self, line: LogLine, raw: bytes) -> None:
        opened = open_line(self._context, line, self._scanner.families(raw))
        if isinstance(opened, Collector):
            self._reports.add(opened)
            self._floods.opened(opened.tag)
        elif opened is not None:
            self._emit(opened)
            self._floods.opened(tag_of(opened))

    def _emit(self, event: LogEvent) -> None:
        self._store.add(event)
        self._boots.notice(event)
        self._activities.notice(event)

    def _turn(self, line: LogLine, before: bytes) -> None:
        self._reports.close_all()
        previous = self._envelope.read(line.number - 1, _decode(before)) if before else None
        if previous is not None:
            self._activities.tell_near(previous.moment(self._context.boot))
        self._boots.turn(line, previous)
        self._boots.take(line)

    def _note_clock(self, line: LogLine) -> None:
        if line.wall_s is not None and line.monotonic_s is not None:
            self._wall_offset_s = line.wall_s - line.monotonic_s

    def finish(self, kind: LogKind, bytes_total: int, lines_cut: int) -> LogReading:
        """Close what is open and tell what was read."""
        self._reports.close_all()
        last = self._envelope.read(self._lines, _decode(self._tail)) if self._tail else None
        if last is not None:
            self._boots.ends_with(last)
            self._note_clock(last)
        boot = self._context.boot
        self._read_floods()
        if self._reports.has_light or self._floods.has_any:
            self._read_again()
        boots = self._boots.finish()
        events = self._store.events()
        counts = self._store.counts
        return LogReading(
            source=self._context.source,
            kind=kind,
            events=events,
            samples=(),
            counts=dict(counts),
            events_not_kept=max(sum(counts.values()) - len(events), 0),
            boots=boots,
            first=_moment(self._first, 0),
            last=_moment(last, boot),
            lines_total=self._lines,
            bytes_total=bytes_total,
            lines_cut=lines_cut,
            wall_offset_s=self._wall_offset_s,
        )

    def _read_floods(self) -> None:
        """The latest line of every flood as an event; then count what was not read."""
        counts, uncounted = dict(self._store.counts), self._floods.uncounted()
        boot = self._context.boot
        for number, raw, its_boot in self._floods.latest():
            self._context.boot = its_boot
            self._open(self._envelope.read(number, _decode(raw)), raw)
        self._reports.close_all()
        self._context.boot = boot
        self._store.counts.clear()
        self._store.counts.update(counts)
        self._store.counts.update(uncounted)

    def _read_again(self) -> None:
        """Read the last blocks once more, every report in full."""
        number, boot, _ = self._recent[0]
        begin = number + 1 if self._floods.has_any else self._store.first_line_from(number + 1)
        again = LogReader(self._context.source, scanner=self._scanner, boot=boot, lines=number)
        again._envelope = self._envelope
        again._floods = Floods(longest=None)
        again._context.is_pstore = self._context.is_pstore
        for _, _, block in self._recent:
            again.feed(block)
        again._reports.close_all()
        self._store.read_again(again._store.events(), begin)


def _moment(line: LogLine | None, boot: int) -> Moment | None:
    return None if line is None else line.moment(boot)


def _line_begin(block: bytes, position: int, hit: int) -> int:
    """Where the line of a hit begins; the zeros that a reset leaves in a log are not part of it."""
    begin = max(block.rfind(b"\n", position, hit) + 1, position)
    if hit - begin <= READ_LINE_BYTES // 2:
        return begin
    return max(block.rfind(b"\x00", begin, hit) + 1, hit - READ_LINE_BYTES // 2)


def _decode(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace")


def _last_line(block: bytes) -> bytes:
    """The last line that is not empty, bounded."""
    text = block[-READ_LINE_BYTES:].rstrip(EMPTY) or block.rstrip(EMPTY)[-READ_LINE_BYTES:]
    return text[text.rfind(b"\n") + 1 :]
