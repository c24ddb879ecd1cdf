"""The prefix of a log line: which host, program and process wrote it, when, and what is left as message.

Every prefix in use is read by its own form, never by the name of the file: dmesg in all time formats,
/dev/kmsg, printk levels and caller ids, RFC 3164 and 5424, ISO time, journalctl's short formats, QEMU's and
libvirtd's logs, and the canonical lines into which ``journal`` turns exported entries.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape

from kvmedic.model.log_line import Moment
from kvmedic.model.record import Record
from kvmedic.parse.logs.prefixes import (
    CANONICAL_MARK,
    COLOURS,
    CTIME,
    HOST_TAG,
    ISO,
    KERNEL_IDENTIFIERS,
    KMSG,
    LEVEL,
    LEVEL_NAMES,
    MONOTONIC,
    RELATIVE,
    RFC3164,
    SHORT_FULL,
    SHORT_UNIX,
    Parts,
    read_canonical,
    read_inner,
    severity,
    take_5424,
    take_foreign,
    take_monotonic,
    without_quoting,
)
from kvmedic.parse.logs.wall_clock import MONTHS, YearCount, seconds_since_1970, zone_offset_s

ENTITIES = ("&lt;", "&gt;", "&quot;", "&#")
"""A page of the web may hold a log with these; no writer of logs makes them."""
_BEFORE_A_PASTE = (" ", "\t", ">", "|")


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


class Envelope:
    """Reads prefixes of one log; remembers which form came last and how many years have ended.

    ``has_hosts`` is false for a domain's own log: QEMU writes its message right behind the time.
    """

    def __init__(self, *, has_hosts: bool = True) -> None:
        self._years = YearCount()
        self._has_hosts = has_hosts
        self._forms: list[Callable[[str, Parts], bool]] = [
            self._rfc3164, self._iso, self._monotonic, self._ctime, self._kmsg, self._short_full,
            self._short_unix, self._relative,
        ]  # fmt: skip

    def read(self, number: int, raw: str) -> LogLine:
        """Take one line apart; a line without any known prefix is all message."""
        text = raw.strip("\r\n\x00")
        if "\x1b" in text:
            text = COLOURS.sub("", text)
        if "&" in text and any(entity in text for entity in ENTITIES):
            text = unescape(text)
        parts = Parts(number, text)
        if not (text.startswith(CANONICAL_MARK) and read_canonical(text, parts)):
            self._read_forms(text, parts)
        read_inner(parts)
        return _line(raw, parts)

    def _read_forms(self, text: str, parts: Parts) -> None:
        if self._take_form(text, parts):
            return
        if text[:1] in _BEFORE_A_PASTE:
            shown, is_quoted = without_quoting(text)
            if self._take_form(shown, parts):
                return
            if is_quoted or shown.startswith("kernel: "):
                text = parts.message = shown
        level = LEVEL.match(text)
        if level is None:
            take_foreign(text, parts)
            return
        parts.message = level[3]
        if level[1]:
            parts.severity = int(level[1]) & 7
        elif level[2] in LEVEL_NAMES:
            parts.severity = LEVEL_NAMES.index(level[2])
            self._read_forms(level[3], parts)
        else:
            parts.message = text

    def _take_form(self, text: str, parts: Parts) -> bool:
        """Read the prefix by the form it has; the form that came last is tried first."""
        for index, form in enumerate(self._forms):
            if form(text, parts):
                if index:
                    self._forms.insert(0, self._forms.pop(index))
                return True
        return False

    def _rfc3164(self, text: str, parts: Parts) -> bool:
        match = RFC3164.match(text)
        if match is None:
            return False
        level, name, day, year, hour, minute, second, digits, rest = match.groups()
        month = MONTHS.index(name) + 1
        known = int(year) if year else self._years.of(month)
        seconds = seconds_since_1970(known, month, int(day), int(hour), int(minute), int(second))
        parts.set_wall(seconds, digits, zone=False, year=year is not None)
        parts.severity = severity(level)
        if not parts.take_tag(rest):
            parts.message = rest
        return True

    def _iso(self, text: str, parts: Parts) -> bool:
        match = ISO.match(text)
        if match is None:
            return False
        level, year, month, day, _, hour, minute, second, digits, dmesg, zone, colon, rest = match.groups()
        if not (0 < int(month) < 13):
            return False
        seconds = seconds_since_1970(int(year), int(month), int(day), int(hour), int(minute), int(second))
        parts.set_wall(seconds - (zone_offset_s(zone) if zone else 0), digits, zone=bool(zone), year=True)
        parts.severity = severity(level)
        is_bare = bool(colon) or dmesg is not None or not self._has_hosts
        if is_bare or not (take_5424(rest, parts, level) or parts.take_tag(rest)):
            parts.message = rest
        return True

    def _monotonic(self, text: str, parts: Parts) -> bool:
        match = MONOTONIC.match(text)
        if match is None:
            return False
        take_monotonic(match, parts)
        tag = HOST_TAG.match(parts.message)
        if parts.message.startswith("kernel: ") or (tag is not None and (tag[2] == "kernel" or tag[3])):
            parts.take_tag(parts.message)
        return True

    def _ctime(self, text: str, parts: Parts) -> bool:
        match = CTIME.match(text)
        if match is None:
            return False
        level, name, day, hour, minute, second, digits, year, rest = match.groups()
        month = MONTHS.index(name) + 1
        seconds = seconds_since_1970(int(year), month, int(day), int(hour), int(minute), int(second))
        parts.set_wall(seconds, digits, zone=False, year=True)
        parts.severity, parts.message = severity(level), rest
        return True

    def _short_full(self, text: str, parts: Parts) -> bool:
        match = SHORT_FULL.match(text)
        if match is None or not 0 < int(match[2]) < 13:
            return False
        year, month, day, hour, minute, second, digits, zone, rest = match.groups()
        seconds = seconds_since_1970(int(year), int(month), int(day), int(hour), int(minute), int(second))
        parts.set_wall(seconds, digits, zone=zone in ("UTC", "GMT"), year=True)
        if not parts.take_tag(rest):
            parts.message = rest
        return True

    def _short_unix(self, text: str, parts: Parts) -> bool:
        match = SHORT_UNIX.match(text)
        if match is None or not parts.take_tag(match[3]):
            return False
        parts.set_wall(int(match[1]), match[2], zone=True, year=True)
        return True

    def _relative(self, text: str, parts: Parts) -> bool:
        match = RELATIVE.match(text)
        if match is None:
            return False
        level, name, day, hour, minute, rest = match.groups()
        if name is not None:
            month = MONTHS.index(name) + 1
            year = self._years.of(month)
            seconds = seconds_since_1970(year, month, int(day), int(hour), int(minute), 0)
            parts.set_wall(seconds, None, zone=False, year=False)
        parts.severity, parts.message = severity(level), rest
        return True

    def _kmsg(self, text: str, parts: Parts) -> bool:
        match = KMSG.match(text)
        if match is None:
            return False
        parts.severity = int(match[1]) & 7
        parts.monotonic_s = int(match[3][:18]) / 1e6
        parts.message = match[5]
        caller = re.search(r"caller=([TC]\d+)", match[4])
        parts.caller = caller[1] if caller else None
        return True


def _line(raw: str, parts: Parts) -> LogLine:
    """What was filled in, frozen; each by its name, which is six times as fast as by all names."""
    return LogLine(
        number=parts.number,
        raw=raw,
        message=parts.message,
        monotonic_s=parts.monotonic_s,
        wall_s=parts.wall_s,
        is_zone_known=parts.is_zone_known,
        is_year_known=parts.is_year_known,
        uncertainty_s=parts.uncertainty_s,
        host=parts.host,
        identifier=parts.identifier,
        pid=parts.pid,
        caller=parts.caller,
        severity=parts.severity,
        boot_id=parts.boot_id,
    )
