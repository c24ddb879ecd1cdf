"""Limits that look like memory trouble and are not: descriptors, aio contexts, pids, mappings, memlock."""

from __future__ import annotations

import re
from typing import Final, Literal

from kvmedic.model.log_event import LimitHit
from kvmedic.parse.logs.envelope import LogLine
from kvmedic.parse.logs.qemu_log import domain_of_source
from kvmedic.parse.logs.report import Context

Kind = Literal["open-files", "aio", "pids", "map-count", "memlock", "vfio-dma", "conntrack", "again"]
_KINDS: Final[tuple[tuple[Kind, re.Pattern[str]], ...]] = (
    ("open-files", re.compile(r"Too many open files|VFS: file-max limit")),
    ("aio", re.compile(r"io_setup|aio-max-nr|linux aio context")),
    ("pids", re.compile(r"fork rejected by pids controller in (?P<cgroup>\S{1,1024})")),
    ("map-count", re.compile(r"max_map_count")),
    (
        "memlock",
        re.compile(
            r"(?:vfio_dma_map\(|VFIO_MAP_DMA).{0,120}(?:-12\b|Cannot allocate memory)"
            r"|RLIMIT_MEMLOCK.{0,40}exceed|memlock.{0,60}(?:fail|exceed|cannot|limit)"
            r"|(?:cannot|fail).{0,40}(?:RLIMIT_MEMLOCK|memlock|mlock)"
        ),
    ),
    ("vfio-dma", re.compile(r"dma_entry_limit|(?:VFIO_MAP_DMA|vfio_dma_map\().{0,120}(?:No space|fail)")),
    ("conntrack", re.compile(r"nf_conntrack: table full")),
    (
        "again",
        re.compile(
            r"(?:fork|clone|thread|pthread_create|io_uring"
            r"|qemu).{0,80}Resource temporarily unavailable"
        ),
    ),
)


def read_limit(context: Context, line: LogLine) -> LimitHit | None:
    """The limit this line tells of; None for other lines."""
    for kind, pattern in _KINDS:
        match = pattern.search(line.message)
        if match is not None:
            return LimitHit(
                at=context.at(line),
                host=line.host,
                lines=context.proof(line),
                kind=kind,
                identifier=line.identifier,
                pid=line.pid,
                cgroup=match.groupdict().get("cgroup"),
                domain=domain_of_source(context.source),
                detail=line.message[:300],
            )
    return None
