"""What ``date`` prints, where no knowledge of zones is needed: in UTC, or with the zone in numbers."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

from kvmedic.parse.lines import after_the_end, numbered_lines

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_CLOCK = r"(?P<hour>\d{1,2}):(?P<minute>\d\d):(?P<second>\d\d)(?: (?P<half>[AP]M))?"
_FORMS = (
    re.compile(rf"\w{{3}} (?P<month>\w{{3}}) +(?P<day>\d{{1,2}}) {_CLOCK} (?P<zone>\S+) (?P<year>\d{{4}})"),
    re.compile(rf"\w{{3}} +(?P<day>\d{{1,2}}) (?P<month>\w{{3}}) (?P<year>\d{{4}}) {_CLOCK} (?P<zone>\S+)"),
    re.compile(rf"\w{{3}} +(?P<day>\d{{1,2}}) (?P<month>\w{{3}}) {_CLOCK} (?P<zone>\S+) (?P<year>\d{{4}})"),
)
_ZONE = re.compile(r"([+-])(\d\d):?(\d\d)?")


def parse_date_output(text: str, source: str) -> float:
    """Seconds since the epoch of the first line that is a date. Else a ParseError: "IST" is three zones."""
    for line in numbered_lines(text, source):
        for form in _FORMS:
            match = form.fullmatch(line.text.strip())
            zone = _zone(match["zone"]) if match else None
            if match and zone is not None and match["month"] in _MONTHS:
                try:
                    return _moment(match, zone).timestamp()
                except (ValueError, OverflowError):
                    raise line.error("a date that exists") from None
    raise after_the_end(text, source, "a date in UTC or with its zone in numbers")


def _moment(match: re.Match[str], zone: timezone) -> datetime:
    hour = int(match["hour"])
    if match["half"]:
        hour = hour % 12 + (12 if match["half"] == "PM" else 0)
    month = _MONTHS.index(match["month"]) + 1
    day, minute, second = (int(match[name]) for name in ("day", "minute", "second"))
    return datetime(int(match["year"]), month, day, hour, minute, second, tzinfo=zone)


def _zone(word: str) -> timezone | None:
    if word in {"UTC", "GMT"}:
        return UTC
    match = _ZONE.fullmatch(word)
    if match is None or int(match[2]) > 14 or int(match[3] or 0) > 59:
        return None
    offset = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
    return timezone(-offset if match[1] == "-" else offset)
