"""/proc/PID/status and /proc/PID/stat (fs/proc/array.c, fs/proc/task_mmu.c)."""

from __future__ import annotations

import re

from kvmedic.model.record import Record
from kvmedic.parse.lines import Line, after_the_end, numbered_lines, only_line
from kvmedic.units import from_kib

_STAT = re.compile(r"(?P<pid>[0-9]{1,10}) \((?P<comm>.*)\) (?P<rest>[A-Za-z] .*)\s*")
_START_TICKS = 19
"""starttime is field 22 of the file, and the rest begins with field 3 (state)."""


class ProcessStatus(Record, frozen=True, kw_only=True):
    """A process's own account. A size is None where the kernel prints no such row (a zombie)."""

    name: str
    state: str
    parent_pid: int | None
    threads: int | None
    rss_bytes: int | None
    rss_anon_bytes: int | None
    rss_shmem_bytes: int | None
    swap_bytes: int | None
    locked_bytes: int | None
    hugetlb_bytes: int | None
    page_tables_bytes: int | None
    numa_nodes_allowed: str | None


class ProcessStat(Record, frozen=True, kw_only=True):
    """The parts of /proc/PID/stat that status lacks. ``start_ticks`` tells a pid from its reuse."""

    pid: int
    name: str
    state: str
    start_ticks: int


def parse_process_status(text: str, source: str) -> ProcessStatus:
    """The rows of status. ParseError where a row has no colon, or Name or State is not there."""
    rows: dict[str, Line] = {}
    for line in numbered_lines(text, source):
        key, colon, value = line.text.partition(":")
        if not colon:
            raise line.error("a row Key: value")
        rows.setdefault(key, Line(source, line.number, value.strip()))
    if "Name" not in rows or not rows.get("State", Line(source, 0, "")).text:
        raise after_the_end(text, source, "rows Name and State")
    return ProcessStatus(
        name=rows["Name"].text,
        state=rows["State"].text[0],
        parent_pid=_count(rows.get("PPid")),
        threads=_count(rows.get("Threads")),
        rss_bytes=_size(rows.get("VmRSS")),
        rss_anon_bytes=_size(rows.get("RssAnon")),
        rss_shmem_bytes=_size(rows.get("RssShmem")),
        swap_bytes=_size(rows.get("VmSwap")),
        locked_bytes=_size(rows.get("VmLck")),
        hugetlb_bytes=_size(rows.get("HugetlbPages")),
        page_tables_bytes=_size(rows.get("VmPTE")),
        numa_nodes_allowed=rows["Mems_allowed_list"].text if "Mems_allowed_list" in rows else None,
    )


def parse_process_stat(text: str, source: str) -> ProcessStat:
    """pid, name, state and start of /proc/PID/stat; the name may hold blanks and brackets."""
    line = only_line(text, source, "pid (comm) state …")
    match = _STAT.fullmatch(line.text)
    fields = match["rest"].split() if match else []
    if match is None or len(fields) <= _START_TICKS:
        raise line.error("pid (comm) state and at least 19 numbers")
    return ProcessStat(
        pid=int(match["pid"]),
        name=match["comm"],
        state=fields[0],
        start_ticks=line.whole(fields[_START_TICKS], "starttime in ticks"),
    )


def _count(row: Line | None) -> int | None:
    return None if row is None else row.whole(row.text, "a number")


def _size(row: Line | None) -> int | None:
    if row is None:
        return None
    number, _, unit = row.text.partition(" ")
    if unit != "kB":
        raise row.error("a size in kB")
    return from_kib(row.whole(number, "a size in kB"))
