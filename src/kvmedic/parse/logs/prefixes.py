"""The forms of prefixes in use, and what each leaves known: the vocabulary of ``envelope``."""

from __future__ import annotations

import re
from typing import Final

from kvmedic.parse.logs.numbers import whole
from kvmedic.parse.logs.wall_clock import MONTHS, ZONE_UNCERTAINTY_S, seconds_since_1970

CANONICAL_MARK: Final = "\x1e"
KERNEL_IDENTIFIERS: Final = frozenset({None, "kernel", "vmunix", "klogd", "kern"})

_CLOCK = r"(\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?"
_MONTH = "(" + "|".join(MONTHS) + ")"
MONOTONIC = re.compile(
    r"(?:<(\d{1,3})>)?\[ *(\d{1,12})\.(\d{1,9})(?: +< *[\d.]{1,20} *>)?\](?: ?\[ *([TC]\d+)\])?:? ?(.*)", re.S
)
CTIME = re.compile(rf"(?:<(\d{{1,3}})>)?\[\w{{1,4}} {_MONTH} +(\d{{1,2}}) {_CLOCK} (\d{{4}})\] ?(.*)", re.S)
RFC3164 = re.compile(rf"(?:<(\d{{1,3}})>)?{_MONTH} +(\d{{1,2}}) (?:(\d{{4}}) )?{_CLOCK} (.*)", re.S)
ISO = re.compile(
    rf"(?:<(\d{{1,3}})>(?:1 )?|\[)?(\d{{4}})-(\d\d)-(\d\d)([T ]){_CLOCK}(?:(?<=,\d{{6}})(?P<dmesg>))?"
    r" ?(Z|[+-]\d\d:?\d\d)?(:?)\]? ?(.*)",
    re.S,
)
SHORT_FULL = re.compile(
    rf"[A-Z][a-z]{{2}} (\d{{4}})-(\d\d)-(\d\d) {_CLOCK} ([A-Z][A-Z0-9+-]{{1,5}}) (.*)", re.S
)
"""journalctl -o short-full and -o with-unit."""
SHORT_UNIX = re.compile(r"(\d{9,10})\.(\d{6}) (?=\S{1,253} \S)(.*)", re.S)
RELATIVE = re.compile(
    rf"(?:<(\d{{1,3}})>)?\[(?:{_MONTH} ?(\d{{1,2}}) (\d\d):(\d\d)| *\+\d{{1,9}}\.\d{{1,9}})\] ?(.*)", re.S
)
"""dmesg -e: the minute where it changes, else the seconds since the line before, which make no moment."""
STRAY = re.compile(r"[^\[]{1,60}?(?=\[ *\d{1,9}\.\d{6}\])")
"""What no writer of logs puts before the kernel's clock: numbers of lines, names of files, bullets."""
_FOREIGN = re.compile(rf"(\[)?(?:[^\s\[\]]{{1,12}} +){{0,4}}?{_CLOCK}(?: \d{{4}})?\]? (.*)", re.S)
"""Months of another language, or only a time: what it says of time is left alone."""
KMSG = re.compile(r"(\d{1,5}),(\d+),(\d+),([^;\n]{0,200});(.*)", re.S)
_AUDIT = re.compile(
    r"(?:node=\S{1,255} )?type=\w{1,64} msg=audit\((\d{1,12})\.(\d{1,6}):\d{1,18}\): ?(.*)", re.S
)
_SEL = re.compile(
    rf" {{0,8}}[0-9a-f]{{1,6}} \| (\d\d)/(\d\d)/(\d\d(?:\d\d)?) \| {_CLOCK}(?: [A-Z]{{2,5}})? \| (.*)", re.S
)
LEVEL = re.compile(r"(?:<(\d{1,3})>|[a-z0-9]{3,8} *:([a-z]{3,7}) *: )(.*)", re.S)
HOST_TAG = re.compile(
    r"([A-Za-z0-9][\w.:-]{0,252})(?<!:) ((?:\([^)\s]{1,60}\)|[\w./@+\\-]{1,64}))(?:\[(\d+)\])?: ?(.*)", re.S
)
_HOST_ALONE = re.compile(r"([A-Za-z0-9][\w.:-]{0,252}) (?=(?:<\d{1,3}>)?\[ *\d{1,12}\.\d{1,9}\])")
"""What netconsole sends has no program: rsyslog writes the sender's address, then the kernel's own line."""
_QUOTED = re.compile(r"[ \t]*(?:[>|] ?)+[ \t]*")
_INDENTED = re.compile(r"[ \t]+(?=[<\[\dA-Z]|kernel: )")
_TAG_ALONE = re.compile(r"(kernel|[A-Za-z][\w./@+-]{0,63}(?=\[))(?:\[(\d+)\])?: ?(.*)", re.S)
_RFC5424 = re.compile(r"(\S{1,255}) (\S{1,48}) (\S{1,128}) \S{1,32} (?:-|\[.*?\]) ?(.*)", re.S)
_LIBVIRTD = re.compile(r"(\d+): (debug|info|warning|error) : (?:(\w+):\d+ : )?(.*)", re.S)
_CANONICAL = re.compile(
    r"\x1e(\d{1,18}) (\d{0,18}) (\d{0,18}) ([0-9a-f]*) (\d?) (\S*) (\S*?)(?:\[(\d+)\])?: (.*)", re.S
)
COLOURS = re.compile(r"\x1b\[[0-9;?]{0,16}[A-Za-z]")
LEVEL_NAMES: Final = ("emerg", "alert", "crit", "err", "warn", "notice", "info", "debug")
_LIBVIRT_LEVELS: Final = {"debug": 7, "info": 6, "warning": 4, "error": 3}


def _fraction(digits: str | None) -> float:
    return int(digits) / 10 ** len(digits) if digits else 0.0


def severity(number: str | None) -> int | None:
    """The syslog severity in ``<NN>``; None where there is none."""
    return int(number) & 7 if number else None


class Parts:
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
        match = HOST_TAG.match(rest)
        if match is None:
            return self._take_host(rest)
        self.host, self.identifier = match[1], match[2]
        self.pid = int(match[3][:10]) if match[3] else None
        self.message = match[4]
        return True

    def _take_host(self, rest: str) -> bool:
        """``host [12345.678901] message``."""
        match = _HOST_ALONE.match(rest)
        if match is not None:
            self.host, self.message = match[1], rest[match.end() :]
        return match is not None

    def set_wall(self, seconds: float, digits: str | None, *, zone: bool, year: bool) -> None:
        """A wall clock with what its form leaves open."""
        self.wall_s = seconds + _fraction(digits)
        self.is_zone_known, self.is_year_known = zone, year
        self.uncertainty_s = 10.0 ** -len(digits or "") if zone else ZONE_UNCERTAINTY_S


def without_quoting(text: str) -> tuple[str, bool]:
    """A line of a mail or a forum without its "> " or its indentation; True where it was quoted.

    Indentation is also the kernel's own (stacks, counters): it goes only where a known prefix follows it.
    """
    quoted = _QUOTED.match(text)
    if quoted is not None:
        return text[quoted.end() :], True
    indented = _INDENTED.match(text)
    return (text if indented is None else text[indented.end() :]), False


def take_foreign(text: str, parts: Parts) -> None:
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


def take_5424(rest: str, parts: Parts, level: str | None) -> bool:
    """RFC 5424 after its time: host, program, process id, message id, data, message."""
    match = _RFC5424.match(rest) if level else None
    if match is None:
        return False
    parts.host, parts.identifier, parts.message = match[1], match[2], match[4]
    parts.pid = int(match[3][:10]) if match[3].isdecimal() else None
    return True


def take_monotonic(match: re.Match[str], parts: Parts) -> None:
    """The kernel's clock, caller and level of a matched line."""
    level, seconds, digits, caller, rest = match.groups()
    parts.monotonic_s = int(seconds) + _fraction(digits)
    parts.caller = caller or parts.caller
    parts.severity = severity(level) if level else parts.severity
    parts.message = rest


def read_inner(parts: Parts) -> None:
    """What stands inside the message again: the kernel's own clock, libvirtd's thread and level."""
    message = parts.message
    if parts.monotonic_s is None and parts.identifier in KERNEL_IDENTIFIERS and message[:1] not in ("[", "<"):
        stray = STRAY.match(message)
        message = message if stray is None else message[stray.end() :]
    if parts.monotonic_s is None and message[:1] in "[<":
        match = MONOTONIC.match(message)
        if match is not None and parts.identifier in KERNEL_IDENTIFIERS:
            take_monotonic(match, parts)
    elif parts.identifier is None and message[:1].isdigit():
        match = _LIBVIRTD.match(message)
        if match is not None:
            parts.identifier, parts.pid = "libvirtd", int(match[1][:10])
            parts.severity, parts.message = _LIBVIRT_LEVELS[match[2]], match[4]


def read_canonical(text: str, parts: Parts) -> bool:
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
