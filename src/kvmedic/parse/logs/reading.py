"""Reads a whole log, streaming: finds the lines worth reading, lets families read them, keeps what counts.

Between reports the log is only scanned; while a report is open its following lines are read one by one.
Time and memory are bounded by the length of the log and by constants, whatever stands in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kvmedic.model.log_event import LogEvent, LogKind, LogReading
from kvmedic.model.log_line import Moment
from kvmedic.parse.logs.boots import BootTrack
from kvmedic.parse.logs.envelope import Envelope, LogLine
from kvmedic.parse.logs.families import open_line
from kvmedic.parse.logs.qemu_log import domain_of_source
from kvmedic.parse.logs.report import Collector, Context, Progress
from kvmedic.parse.logs.retention import EventStore, tag_of
from kvmedic.parse.logs.scan import LONGEST_LINE_BYTES, Scanner

MOST_OPEN_REPORTS = 6
FULL_REPORTS = 200
"""So many of a kind are read line by line; of later ones only the lines that a pattern matches."""


class LogReader:
    """State of reading one log; ``feed`` takes blocks of whole lines."""

    def __init__(self, source: str) -> None:
        self._context = Context(source)
        self._scanner = Scanner()
        self._envelope = Envelope(has_hosts=domain_of_source(source) is None)
        self._store = EventStore()
        self._boots = BootTrack(self._context, self._store)
        self._open: list[Collector] = []
        self._opened: dict[type[Collector], int] = {}
        self._light: set[int] = set()
        self._lines = 0
        self._tail = b""
        self._first: LogLine | None = None
        self._wall_offset_s: float | None = None

    def feed(self, block: bytes) -> None:
        """Read one block; it ends with a line end."""
        if self._first is None:
            self._begin(block)
        position, counted, number = 0, 0, self._lines
        hit = self._scanner.next_hit(block, 0)
        while position < len(block):
            if self._wants_all_lines():
                begin = position
            elif hit >= len(block):
                break
            else:
                begin = max(block.rfind(b"\n", 0, hit) + 1, position)
            end = block.find(b"\n", begin)
            number += block.count(b"\n", counted, begin)
            counted = begin
            self._take(block, begin, end, number + 1, is_hit=hit < end)
            position = end + 1
            if hit < position:
                hit = self._scanner.next_hit(block, position)
        self._lines += block.count(b"\n")
        self._tail = _last_line(block) or self._tail

    def _wants_all_lines(self) -> bool:
        return len(self._open) > len(self._light)

    def _begin(self, block: bytes) -> None:
        head = block[: block.find(b"\n")][:LONGEST_LINE_BYTES]
        self._first = self._envelope.read(1, _decode(head))
        self._boots.begins_with(self._first)

    def _take(self, block: bytes, begin: int, end: int, number: int, *, is_hit: bool) -> None:
        raw = block[begin : min(end, begin + LONGEST_LINE_BYTES)]
        line = self._envelope.read(number, _decode(raw))
        if is_hit:
            self._note_clock(line)
            if self._boots.is_boundary(line):
                self._turn(line, _last_line(block[:begin][-LONGEST_LINE_BYTES:]) or self._tail)
                return
        if self._offer(line) or not is_hit or self._boots.take(line):
            return
        opened = open_line(self._context, line, self._scanner.families(raw))
        if isinstance(opened, Collector):
            self._add_open(opened)
        elif opened is not None:
            self._emit(opened)

    def _offer(self, line: LogLine) -> bool:
        """Offer the line to the open reports, the newest first; close those that are over."""
        for collector in reversed(self._open):
            progress = collector.take(line)
            if progress is Progress.TAKEN:
                return True
            if progress is Progress.ENDED:
                self._close(collector)
        return False

    def _add_open(self, collector: Collector) -> None:
        for other in [other for other in self._open if type(other) is type(collector)]:
            if other.head.caller is None or other.head.caller == collector.head.caller:
                self._close(other)
        if len(self._open) >= MOST_OPEN_REPORTS:
            self._close(self._open[0])
        self._open.append(collector)
        count = self._opened[type(collector)] = self._opened.get(type(collector), 0) + 1
        if count > FULL_REPORTS:
            self._light.add(id(collector))

    def _close(self, collector: Collector) -> None:
        self._open.remove(collector)
        self._light.discard(id(collector))
        event = collector.finish()
        if event is not None:
            self._emit(event)

    def _emit(self, event: LogEvent) -> None:
        self._store.add(event)
        self._boots.notice(event)

    def _turn(self, line: LogLine, before: bytes) -> None:
        for collector in list(self._open):
            self._close(collector)
        previous = self._envelope.read(line.number - 1, _decode(before)) if before else None
        self._boots.turn(line, previous)
        self._boots.take(line)

    def _note_clock(self, line: LogLine) -> None:
        if line.wall_s is not None and line.monotonic_s is not None:
            self._wall_offset_s = line.wall_s - line.monotonic_s

    def finish(self, kind: LogKind, bytes_total: int, lines_cut: int) -> LogReading:
        """Close what is open and tell what was read."""
        for collector in list(self._open):
            self._close(collector)
        last = self._envelope.read(self._lines, _decode(self._tail)) if self._tail else None
        if last is not None:
            self._boots.ends_with(last)
            self._note_clock(last)
        boots = self._boots.finish()
        events = self._store.events()
        return LogReading(
            source=self._context.source,
            kind=kind,
            events=events,
            counts=dict(self._store.counts),
            events_not_kept=sum(self._store.counts.values()) - len(events),
            boots=boots,
            first=_moment(self._first, 0),
            last=_moment(last, self._context.boot),
            lines_total=self._lines,
            bytes_total=bytes_total,
            lines_cut=lines_cut,
            wall_offset_s=self._wall_offset_s,
        )

    def is_pstore(self) -> None:
        """Say that what follows was left by a dying kernel."""
        self._context.is_pstore = True


def _moment(line: LogLine | None, boot: int) -> Moment | None:
    return None if line is None else line.moment(boot)


def _decode(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace")


def _last_line(block: bytes) -> bytes:
    """The last line that is not empty, bounded."""
    text = block[-LONGEST_LINE_BYTES:].rstrip(b"\r\n\x00 ")
    return text[text.rfind(b"\n") + 1 :]


def counted(chunks: Iterable[bytes], total: list[int]) -> Iterator[bytes]:
    """The same chunks, their bytes added up in ``total[0]``."""
    for chunk in chunks:
        total[0] += len(chunk)
        yield chunk


__all__ = ["LogReader", "counted", "tag_of"]
