"""Nouns of a log: a line that proves something, and the moment it speaks of with what is unknown about it."""

from __future__ import annotations

from typing import Literal

from kvmedic.model.record import Record

LogKind = Literal[
    "kernel",
    "syslog",
    "journal-json",
    "journal-export",
    "kmsg",
    "qemu",
    "libvirtd",
    "pstore",
    "text",
    "pve-tasks",
    "sysstat",
]
"""What a log is called by its holder; only a hint, every line is read by its own prefix."""


class LineRef(Record, frozen=True, kw_only=True):
    """One line as it stands in its source: ``line_number`` counts from 1, ``text`` is raw and may be cut.

    The text is not safe for a terminal (escape sequences are kept); whoever renders it cleans it.
    """

    source: str
    line_number: int
    text: str


class Moment(Record, frozen=True, kw_only=True):
    """When a line was written, as far as its prefix tells; ``boot`` numbers the boots of this source from 0.

    ``monotonic_s`` is the kernel's time since boot. ``wall_s`` counts seconds since 1970: UTC where
    ``is_zone_known``, else the local clock read as if it were UTC. Where ``is_year_known`` is false the year
    is 1972 plus the year ends seen in this source, so only differences mean something until
    ``derive.clocks`` has anchored it. ``uncertainty_s`` is what zone and resolution leave open (None
    where there is no wall clock at all).
    """

    monotonic_s: float | None
    wall_s: float | None
    is_zone_known: bool
    is_year_known: bool
    uncertainty_s: float | None
    boot: int


class Event(Record, frozen=True, kw_only=True):
    """What every event has: its moment, the host the line names, and the first lines that prove it."""

    at: Moment
    host: str | None
    lines: tuple[LineRef, ...]
