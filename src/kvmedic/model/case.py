"""The Case: one incident as the post-mortem rules see it, with what came before and what is known today."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from kvmedic.model.finding import Judgement
from kvmedic.model.host_history import HostSample
from kvmedic.model.log_event import LogEvent
from kvmedic.model.log_line import Event
from kvmedic.model.record import Record
from kvmedic.model.snapshot import Snapshot

LogNature = Literal["kernel", "qemu", "daemons"]
"""Whose words a log holds: the kernel's, QEMU's about one domain, those of libvirt and other daemons."""


class UnloggedEnd(Event, frozen=True, kw_only=True, tag="unlogged-end"):
    """A boot whose log stops without shutdown or panic, with another boot behind it.

    ``lines`` are the last line of that boot. ``shows_orderly_ends``: this log holds words of the system's
    own services, so an orderly end would have been seen in it; a bare kernel log often misses it.
    """

    boot_id: str | None
    silent_s: float | None
    shows_orderly_ends: bool


class Window(Record, frozen=True, kw_only=True):
    """What the operator asked about. ``boot`` as journalctl counts: 0 the last, -1 the one before.

    Times are seconds since 1970, UTC; ``zone_offset_s`` is what the operator's clock is ahead of UTC, for
    logs that name no zone.
    """

    domain: str | None
    since_s: float | None
    until_s: float | None
    boot: int | None
    zone_offset_s: float


class Happening(Record, frozen=True, kw_only=True):
    """An event on the joined timeline. ``at_s`` is UTC, None where no wall clock is known.

    ``tick_s`` orders and spaces all events of the target, also those without a wall clock. ``boot`` counts
    the boots of all its logs together. ``domain`` is joined from names, PIDs, cgroups and moments.
    """

    event: LogEvent | UnloggedEnd
    at_s: float | None
    uncertainty_s: float | None
    tick_s: float
    boot: int
    domain: str | None


class LogRead(Record, frozen=True, kw_only=True):
    """One log that was read: its name, whose words it holds, the times it covers (UTC, None: unknown).

    ``first_boot`` is the oldest boot in it, counted back from the last, which is 0.
    """

    source: str
    natures: frozenset[LogNature]
    first_s: float | None
    last_s: float | None
    first_boot: int
    lines_total: int


class Measured(Record, frozen=True, kw_only=True):
    """What sysstat measured, with its moment on the joined timeline (UTC)."""

    at_s: float
    sample: HostSample


class Chronicle(Record, frozen=True, kw_only=True):
    """All that happened as far as logs tell, in time order, joined across sources."""

    happenings: tuple[Happening, ...]
    samples: tuple[Measured, ...]
    logs: tuple[LogRead, ...]
    guest_logs: frozenset[str]
    """The logs of virtual machines that run no virtual machines themselves."""
    is_cut: bool
    """There were more events of a kind than are kept: what was counted is a lower bound."""


class Case(Record, frozen=True, kw_only=True):
    """One incident: its ``scene``, what came ``before`` it, and ``after``; rules read this and nothing else.

    ``domain`` is whom the operator asks about, ``is_asked`` whether there was a question at all (a domain, a
    time, a boot). ``is_guest_log``: what failed stands in a guest's own log. ``snapshot`` is what is known of
    the target today: of a bare log nearly nothing. ``samples`` are sysstat's, of the hours before the scene.
    """

    scene: tuple[Happening, ...]
    before: tuple[Happening, ...]
    after: tuple[Happening, ...]
    samples: tuple[Measured, ...]
    logs: tuple[LogRead, ...]
    is_guest_log: bool
    domain: str | None
    is_asked: bool
    snapshot: Snapshot

    @property
    def begin(self) -> Happening | None:
        """The first event of the scene; None where nothing happened."""
        return self.scene[0] if self.scene else None

    def has_log_of(self, nature: LogNature) -> bool:
        """Whether a log that holds such words was read."""
        return any(nature in log.natures for log in self.logs)


Explain = Callable[[Case], Judgement]
"""A post-mortem rule."""
