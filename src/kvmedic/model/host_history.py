"""Nouns of a host's history beside its failures: what began and ended on it, and what sysstat measured."""

from __future__ import annotations

from typing import Literal

from kvmedic.model.log_line import Event, LineRef, Moment
from kvmedic.model.record import Record


class Activity(Event, frozen=True, kw_only=True, tag="activity"):
    """A service of systemd, a cron job or a manager's task that began, ended or failed: ordinary life.

    It is told where it stands near a failure, as a coincidence and never as a cause. ``name`` is the unit's
    description, the program of the cron job without its arguments, or the type of the task; ``user`` who ran
    or asked for it.
    """

    kind: Literal["service", "cron", "task"]
    stage: Literal["began", "ended", "failed"]
    name: str
    user: str | None
    domain: str | None
    detail: str


class HostSample(Record, frozen=True, kw_only=True):
    """What sysstat measured of a host: levels at ``at``, rates over the ``interval_s`` before it.

    ``available_bytes`` is the kernel's MemAvailable (sysstat 11.5.7 and later). ``scanned_by_tasks_per_s``
    are pages scanned in direct reclaim, ``scanned_by_kswapd_per_s`` in the background. None: not recorded.
    """

    at: Moment
    interval_s: float | None
    free_bytes: int | None
    available_bytes: int | None
    swap_free_bytes: int | None
    swap_used_bytes: int | None
    swapped_in_per_s: float | None
    swapped_out_per_s: float | None
    major_faults_per_s: float | None
    scanned_by_kswapd_per_s: float | None
    scanned_by_tasks_per_s: float | None
    load_1min: float | None
    blocked_tasks: float | None
    line: LineRef
