"""The prefix of a log line: which host, program and process wrote it, when, and what is left as message.

Every prefix in use is read by its own form, never by the name of the file: dmesg in all time formats,
/dev/kmsg, printk levels and caller ids, RFC 3164 and 5424, ISO time, journalctl's short formats, QEMU's and
libvirtd's logs, and the canonical lines into which ``journal`` turns exported entries.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from kvmedic.model.log_line import Moment
from kvmedic.model.record import Record
from kvmedic.parse.logs.numbers import whole
from kvmedic.parse.logs.wall_clock import (
    MONTHS,
    ZONE_UNCERTAINTY_S,
    YearCount,
    seconds_since_1970,
    zone_offset_s,
)

CANONICAL_MARK: Final = "\x1e"
KERNEL_IDENTIFIERS: Final = frozenset({None, "kernel", "vmunix", "klogd", "kern"})


class LogLine(Record, frozen=True, kw_only=True):
    """One line, taken apart. ``raw`` is the line as it stood (decoded, bounded); ``message`` what it says.

    ``caller`` is printk's ``T123`` (thread) or ``C0`` (CPU in interrupt). ``severity`` is syslog's 0 to 7.
    """

    number: int
    raw: str
    message: str
    monotonic_s: float | None
    wall_s: float | None
    is_zone_known: bool
    is_year_known: bool
    uncertainty_s: float | None
    host: str | None
    identifier: str | None
    pid: int | None
    caller: str | None
    severity: int | None
    boot_id: str | None

    @property
    def is_kernel(self) -> bool:
        """Written by the kernel, or by nobody that the line names."""
        return self.identifier in KERNEL_IDENTIFIERS

    def moment(self, boot: int) -> Moment:
        """When, with its uncertainty, in the ``boot``-th boot of the source."""
        return Moment(
            monotonic_s=self.monotonic_s,
            wall_s=self.wall_s,
            is_zone_known=self.is_zone_known,
            is_year_known=self.is_year_known,
            uncertainty_s=self.uncertainty_s,
            boot=boot,
        )


_CLOCK = r"(\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?"
_MONTH = "(" + "|".join(MONTHS) + ")"
_MONOTONIC = re.compile(r"(?:<(\d{1,3})>)?\[ *(\d{1,12})\.(\d{1,9})\](?: ?\[ *([TC]\d+)\])?:? ?(.*)", re.S)
_CTIME = re.compile(rf"(?:<(\d{{1,3}})>)?\[\w{{1,4}} {_MONTH} +(\d{{1,2}}) {_CLOCK} (\d{{4}})\] ?(.*)", re.S)
_RFC3164 = re.compile(rf"(?:<(\d{{1,3}})>)?{_MONTH} +(\d{{1,2}}) (?:(\d{{4}}) )?{_CLOCK} (.*)", re.S)
_ISO = re.compile(
    rf"(?:<(\d{{1,3}})>(?:1 )?|\[)?(\d{{4}})-(\d\d)-(\d\d)([T ]){_CLOCK}(?:(?<=,\d{{6}})(?P<dmesg>))?"
    r" ?(Z|[+-]\d\d:?\d\d)?(:?)\]? ?(.*)",
    re.S,
)
_FOREIGN = re.compile(rf"(\[)?(?:[^\s\[\]]{{1,12}} +){{0,4}}?{_CLOCK}(?: \d{{4}})?\]? (.*)", re.S)
"""Months of another language, or only a time: what it says of time is left alone."""
_KMSG = re.compile(r"(\d{1,5}),(\d+),(\d+),([^;\n]{0,200});(.*)", re.S)
_AUDIT = re.compile(
    r"(?:node=\S{1,255} )?type=\w{1,64} msg=audit\((\d{1,12})\.(\d{1,6}):\d{1,18}\): ?(.*)", re.S
)
_SEL = re.compile(
    rf" {{0,8}}[0-9a-f]{{1,6}} \| (\d\d)/(\d\d)/(\d\d(?:\d\d)?) \| {_CLOCK}(?: [A-Z]{{2,5}})? \| (.*)", re.S
)
_LEVEL = re.compile(r"(?:<(\d{1,3})>|[a-z0-9]{3,8} *:([a-z]{3,7}) *: )(.*)", re.S)
_HOST_TAG = re.compile(
    r"([A-Za-z0-9][\w.:-]{0,252})(?<!:) ((?:\([^)\s]{1,60}\)|[\w./@+\\-]{1,64}))(?:\[(\d+)\])?: ?(.*)", re.S
)
_TAG_ALONE = re.compile(r"(kernel|[A-Za-z][\w./@+-]{0,63}(?=\[))(?:\[(\d+)\])?: ?(.*)", re.S)
_RFC5424 = re.compile(r"(\S{1,255}) (\S{1,48}) (\S{1,128}) \S{1,32} (?:-|\[.*?\]) ?(.*)", re.S)
_LIBVIRTD = re.compile(r"(\d+): (debug|info|warning|error) : (?:(\w+):\d+ : )?(.*)", re.S)
_CANONICAL = re.compile(
    r"\x1e(\d{1,18}) (\d{0,18}) (\d{0,18}) ([0-9a-f]*) (\d?) (\S*) (\S*?)(?:\[(\d+)\])?: (.*)", re.S
)
_COLOURS = re.compile(r"\x1b\[[0-9;?]{0,16}[A-Za-z]")
_LEVEL_NAMES: Final = ("emerg", "alert", "crit", "err", "warn", "notice", "info", "debug")
_LIBVIRT_LEVELS: Final = {"debug": 7, "info": 6, "warning": 4, "error": 3}


def _fraction(digits: str | None) -> float:
    return int(digits) / 10 ** len(digits) if digits else 0.0


def _severity(number: str | None) -> int | None:
    return int(number) & 7 if number else None


class _Parts:
    """What the prefix forms fill in; one per line."""

    __slots__ = (
        "boot_id", "caller", "host", "identifier", "is_year_known", "is_zone_known", "message",
        "monotonic_s", "number", "pid", "severity", "uncertainty_s", "wall_s",
    )  # fmt: skip

    def __init__(self, number: int, message: str) -> None:
        self.number = number
        self.message = message
        self.monotonic_s: float | None = None
        self.wall_s: float | None = None
        self.is_zone_known = False
        self.is_year_known = False
        self.uncertainty_s: float | None = None
        self.host: str | None = None
        self.identifier: str | None = None
        self.pid: int | None = None
        self.caller: str | None = None
        self.severity: int | None = None
        self.boot_id: str | None = None

    def take_tag(self, rest: str) -> bool:
        """``host program[pid]: message`` after a time; False where the rest is no such thing."""
        alone = _TAG_ALONE.match(rest)
        if alone is not None:
            self.identifier, self.pid, self.message = alone[1], whole(alone[2]), alone[3]
            return True
        match = _HOST_TAG.match(rest)
        if match is None:
            return False
        self.host, self.identifier = match[1], match[2]
        self.pid = int(match[3][:10]) if match[3] else None
        self.message = match[4]
        return True

    def set_wall(self, seconds: float, digits: str | None, *, zone: bool, year: bool) -> None:
        """A wall clock with what its form leaves open."""
        self.wall_s = seconds + _fraction(digits)
        self.is_zone_known, self.is_year_known = zone, year
        self.uncertainty_s = 10.0 ** -len(digits or "") if zone else ZONE_UNCERTAINTY_S


class Envelope:
    """Reads prefixes of one log; remembers which form came last and how many years have ended.

    ``has_hosts`` is false for a domain's own log: QEMU writes its message right behind the time.
    """

    def __init__(self, *, has_hosts: bool = True) -> None:
        self._years = YearCount()
        self._has_hosts = has_hosts
        self._forms: list[Callable[[str, _Parts], bool]] = [
            self._rfc3164, self._iso, self._monotonic, self._ctime, self._kmsg,
        ]  # fmt: skip

    def read(self, number: int, raw: str) -> LogLine:
        """Take one line apart; a line without any known prefix is all message."""
        text = raw.strip("\r\n\x00")
        if "\x1b" in text:
            text = _COLOURS.sub("", text)
        parts = _Parts(number, text)
        if not (text.startswith(CANONICAL_MARK) and _read_canonical(text, parts)):
            self._read_forms(text, parts)
        _read_inner(parts)
        return LogLine(raw=raw, **{name: getattr(parts, name) for name in _Parts.__slots__})

    def _read_forms(self, text: str, parts: _Parts) -> None:
        for index, form in enumerate(self._forms):
            if form(text, parts):
                if index:
                    self._forms.insert(0, self._forms.pop(index))
                return
        level = _LEVEL.match(text)
        if level is None:
            _take_foreign(text, parts)
            return
        parts.message = level[3]
        if level[1]:
            parts.severity = int(level[1]) & 7
        elif level[2] in _LEVEL_NAMES:
            parts.severity = _LEVEL_NAMES.index(level[2])
            self._read_forms(level[3], parts)
        else:
            parts.message = text

    def _rfc3164(self, text: str, parts: _Parts) -> bool:
        match = _RFC3164.match(text)
        if match is None:
            return False
        level, name, day, year, hour, minute, second, digits, rest = match.groups()
        month = MONTHS.index(name) + 1
        known = int(year) if year else self._years.of(month)
        seconds = seconds_since_1970(known, month, int(day), int(hour), int(minute), int(second))
        parts.set_wall(seconds, digits, zone=False, year=year is not None)
        parts.severity = _severity(level)
        if not parts.take_tag(rest):
            parts.message = rest
        return True

    def _iso(self, text: str, parts: _Parts) -> bool:
        match = _ISO.match(text)
        if match is None:
            return False
        level, year, month, day, _, hour, minute, second, digits, dmesg, zone, colon, rest = match.groups()
        if not (0 < int(month) < 13):
            return False
        seconds = seconds_since_1970(int(year), int(month), int(day), int(hour), int(minute), int(second))
        parts.set_wall(seconds - (zone_offset_s(zone) if zone else 0), digits, zone=bool(zone), year=True)
        parts.severity = _severity(level)
        is_bare = bool(colon) or dmesg is not None or not self._has_hosts
        if is_bare or not (_take_5424(rest, parts, level) or parts.take_tag(rest)):
            parts.message = rest
        return True

    def _monotonic(self, text: str, parts: _Parts) -> bool:
        match = _MONOTONIC.match(text)
        if match is None:
            return False
        _take_monotonic(match, parts)
        tag = _HOST_TAG.match(parts.message)
        if parts.message.startswith("kernel: ") or (tag is not None and (tag[2] == "kernel" or tag[3])):
            parts.take_tag(parts.message)
        return True

    def _ctime(self, text: str, parts: _Parts) -> bool:
        match = _CTIME.match(text)
        if match is None:
            return False
        level, name, day, hour, minute, second, digits, year, rest = match.groups()
        month = MONTHS.index(name) + 1
        seconds = seconds_since_1970(int(year), month, int(day), int(hour), int(minute), int(second))
        parts.set_wall(seconds, digits, zone=False, year=True)
        parts.severity, parts.message = _severity(level), rest
        return True

    def _kmsg(self, text: str, parts: _Parts) -> bool:
        match = _KMSG.match(text)
        if match is None:
            return False
        parts.severity = int(match[1]) & 7
        parts.monotonic_s = int(match[3][:18]) / 1e6
        parts.message = match[5]
        caller = re.search(r"caller=([TC]\d+)", match[4])
        parts.caller = caller[1] if caller else None
        return True


def _take_foreign(text: str, parts: _Parts) -> None:
    """Audit and IPMI logs; else a time not understood, or ``kernel:`` alone, is not of the message."""
    audit, sel = _AUDIT.match(text), _SEL.match(text)
    if audit is not None:
        parts.set_wall(int(audit[1]), audit[2], zone=True, year=True)
        parts.identifier = "audit"
        return
    if sel is not None:
        year = int(sel[3]) + (2000 if len(sel[3]) == 2 else 0)
        seconds = seconds_since_1970(year, int(sel[1]), int(sel[2]), int(sel[4]), int(sel[5]), int(sel[6]))
        parts.set_wall(seconds, None, zone=False, year=True)
        parts.identifier, parts.message = "sel", sel[8]
        return
    match = _FOREIGN.match(text)
    if match is not None:
        if match[1] or not parts.take_tag(match[6]):
            parts.message = match[6]
    elif text.startswith("kernel: "):
        parts.take_tag(text)


def _take_5424(rest: str, parts: _Parts, level: str | None) -> bool:
    """RFC 5424 after its time: host, program, process id, message id, data, message."""
    match = _RFC5424.match(rest) if level else None
    if match is None:
        return False
    parts.host, parts.identifier, parts.message = match[1], match[2], match[4]
    parts.pid = int(match[3][:10]) if match[3].isdecimal() else None
    return True


def _take_monotonic(match: re.Match[str], parts: _Parts) -> None:
    level, seconds, digits, caller, rest = match.groups()
    parts.monotonic_s = int(seconds) + _fraction(digits)
    parts.caller = caller or parts.caller
    parts.severity = _severity(level) if level else parts.severity
    parts.message = rest


def _read_inner(parts: _Parts) -> None:
    """What stands inside the message again: the kernel's own clock, libvirtd's thread and level."""
    message = parts.message
    if parts.monotonic_s is None and message[:1] in "[<":
        match = _MONOTONIC.match(message)
        if match is not None and parts.identifier in KERNEL_IDENTIFIERS:
            _take_monotonic(match, parts)
    elif parts.identifier is None and message[:1].isdigit():
        match = _LIBVIRTD.match(message)
        if match is not None:
            parts.identifier, parts.pid = "libvirtd", int(match[1][:10])
            parts.severity, parts.message = _LIBVIRT_LEVELS[match[2]], match[4]


def _read_canonical(text: str, parts: _Parts) -> bool:
    """A line of ``journal``: number, wall µs, monotonic µs, boot, priority, host, program, message."""
    match = _CANONICAL.match(text)
    if match is None:
        return False
    number, wall_us, monotonic_us, boot_id, level, host, identifier, pid, message = match.groups()
    parts.number = int(number)
    if wall_us:
        parts.set_wall(int(wall_us) / 1e6, "000000", zone=True, year=True)
        parts.wall_s = int(wall_us) / 1e6
    parts.monotonic_s = int(monotonic_us) / 1e6 if monotonic_us else None
    parts.boot_id, parts.host, parts.identifier = boot_id or None, host or None, identifier or None
    parts.severity = int(level) if level else None
    parts.pid = int(pid[:10]) if pid else None
    parts.message = message
    return True
