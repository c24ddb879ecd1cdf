"""``virsh domstats``: for each domain "Domain: 'NAME'" and rows "group.key=value"."""

from __future__ import annotations

import re
from collections.abc import Mapping

from kvmedic.errors import ParseError
from kvmedic.parse.lines import numbered_lines

_HEADER = re.compile(r"Domain: '(.*)'\s*")


def parse_domstats(text: str, source: str) -> Mapping[str, Mapping[str, str]]:
    """Values as written, by domain and key. A ParseError where a row belongs to no domain or has no "="."""
    domains: dict[str, dict[str, str]] = {}
    current: dict[str, str] | None = None
    for line in numbered_lines(text, source):
        if header := _HEADER.fullmatch(line.text):
            current = domains.setdefault(header[1], {})
            continue
        key, equals, value = line.text.strip().partition("=")
        if current is None or not equals:
            raise line.error("Domain: 'NAME', then rows group.key=value")
        current[key] = value
    return domains


def whole_number(stats: Mapping[str, str], key: str) -> int | None:
    """The number of ``key``; None where libvirt did not say, or said −1 or 2^64−1 (unknown)."""
    value = stats.get(key, "")
    if not (value.isascii() and value.isdigit() and len(value) <= 20):
        return None
    number = int(value)
    return None if number >= 2**63 else number


def parse_domain_list(text: str, source: str) -> Mapping[str, str]:
    """State by name from ``virsh list --all`` (columns Id, Name, State); names may hold blanks."""
    states: dict[str, str] = {}
    for line in numbered_lines(text, source):
        row = line.text.strip()
        if row.split() == ["Id", "Name", "State"] or set(row) == {"-"}:
            continue
        match = _LIST_ROW.fullmatch(row)
        if match is None:
            raise ParseError(source, line.number, line.text, "Id, Name and State of a domain")
        states[match[1]] = match[2]
    return states


_LIST_ROW = re.compile(
    r"(?:-|[0-9]{1,9})\s+(\S|\S.*?\S)\s+"
    r"(running|idle|paused|in shutdown|shut off|crashed|dying|pmsuspended|no state)"
)
