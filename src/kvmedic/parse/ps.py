"""The output of ``ps`` as sosreports keep it: a header that names the columns, the command line last."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice

from kvmedic.model.record import Record
from kvmedic.parse.cgroup import parse_process_cgroup
from kvmedic.parse.lines import Line, after_the_end, numbered_lines
from kvmedic.units import from_kib

_EXPECTED = "a header with PID and, last, COMMAND or CMD"
_GROUPS_EXPECTED = "a header with PID and, last, CGROUP"
_LINES_BEFORE_THE_HEADER = 3
_GROUPS = re.compile(r"\s(\d+:[^:\s]*:/.*)$")
_BETWEEN_GROUPS = re.compile(r",(?=\d+:[^:/]*:/)")


class PsRow(Record, frozen=True, kw_only=True):
    """One process. ``command`` has lost the borders between its arguments."""

    pid: int
    state: str | None
    rss_bytes: int | None
    command: str


def parse_ps(text: str, source: str) -> tuple[PsRow, ...]:
    """The processes; rows of threads ("-" for a PID) are passed over. ParseError without a header."""
    lines = numbered_lines(text, source)
    columns = _columns(lines, text, source, frozenset({"COMMAND", "CMD"}), _EXPECTED)
    rows = (_row(line, columns) for line in lines)
    return tuple(row for row in rows if row is not None)


def parse_ps_groups(text: str, source: str) -> Mapping[int, Mapping[str, str]]:
    """Group by controller of each process, from a listing whose last column is CGROUP: the rows of
    /proc/PID/cgroup with commas between them. ParseError without such a header.
    """
    lines = numbered_lines(text, source)
    columns = _columns(lines, text, source, frozenset({"CGROUP"}), _GROUPS_EXPECTED)
    found: dict[int, Mapping[str, str]] = {}
    for line in lines:
        words, rows = line.text.split(), _GROUPS.search(line.text)
        pid = words[columns.index("PID")] if len(words) >= len(columns) else ""
        if rows is not None and _is_number(pid):
            found[int(pid)] = parse_process_cgroup("\n".join(_BETWEEN_GROUPS.split(rows[1])), source)
    return found


def _columns(lines: Iterator[Line], text: str, source: str, last: frozenset[str], expected: str) -> list[str]:
    """The names of the columns, from the header. ps may complain first ("your … screen size is bogus")."""
    first: Line | None = None
    for line in islice(lines, _LINES_BEFORE_THE_HEADER + 1):
        columns = line.text.split()
        if "PID" in columns and columns[-1] in last:
            return columns
        first = first or line
    raise first.error(expected) if first else after_the_end(text, source, expected)


def _row(line: Line, columns: list[str]) -> PsRow | None:
    words = line.text.split(None, len(columns) - 1)
    cells = dict(zip(columns, words, strict=False))
    pid, rss = cells.get("PID", ""), cells.get("RSS", cells.get("RSZ", ""))
    if len(words) < len(columns) or not _is_number(pid):
        return None
    state = cells.get("STAT") or cells.get("S")
    return PsRow(
        pid=int(pid),
        state=state[0] if state and state[0].isalpha() else None,
        rss_bytes=from_kib(int(rss)) if _is_number(rss) else None,
        command=words[-1],
    )


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdigit() and len(word) <= 15
