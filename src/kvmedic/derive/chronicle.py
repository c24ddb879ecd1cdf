"""From what several logs say to one chronicle: one clock, each event once, domains by name.

The same kernel line stands in kern.log, syslog, the journal and the ring buffer; it is one event.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import isnan

import msgspec

from kvmedic.derive.alignment import aligned, named_by_moment, with_boots
from kvmedic.derive.beside import without_noise
from kvmedic.derive.clocks import NEAR_S, Clock, ClockFacts, is_of_dead_boot, tick_of
from kvmedic.derive.measurements import measured_in_time
from kvmedic.derive.naming import Names
from kvmedic.derive.runs import each_run_once
from kvmedic.model.case import Chronicle, Happening, LogNature, LogRead, UnloggedEnd
from kvmedic.model.log_event import (
    BackupEvent,
    Boot,
    LibvirtEvent,
    LogEvent,
    LogReading,
)
from kvmedic.model.snapshot import Snapshot
from kvmedic.parse.logs.qemu_log import domain_of_source

KERNEL_TAGS = frozenset(
    {
        *("oom-report", "page-allocation-failure", "slub-failure", "hung-task", "lockup", "kernel-fault"),
        *("boot", "sysrq", "throttled"),
    }
)
START_S = 60.0
"""Longer than syslog's daemon needs from its first line to the kernel's first."""
EXACT_S = 0.001
"""The kernel's clock ticks in microseconds: equal to the millisecond is the same line, whatever the boot."""
_KERNEL_KINDS = frozenset({"kernel", "kmsg", "journal-json", "journal-export", "pstore"})
_DAEMON_WORDS = (" systemd[", " systemd: ", "systemd-journald", "systemd-shutdown", "CRON[", " sshd")


def assemble_chronicle(
    readings: Sequence[LogReading],
    snapshot: Snapshot,
    facts: ClockFacts,
    *,
    guest_logs: frozenset[str],
    names_by_id: Mapping[str, str],
) -> Chronicle:
    """All events of all readings on one timeline. ``facts`` tells what is known of the clocks, ``guest_logs``
    which of the logs are those of guests (derive.guest_logs), ``names_by_id`` the names of Proxmox' guests.
    """
    names = Names(snapshot, (event for reading in readings for event in reading.events), names_by_id)
    clocks = [Clock(reading, facts) for reading in readings]
    told = aligned(
        [list(_happenings(reading, clock, names)) for reading, clock in zip(readings, clocks, strict=True)]
    )
    logs = tuple(
        _log_read(reading, clock)
        for reading, clock in zip(readings, clocks, strict=True)
        if reading.kind != "sysstat"
    )
    booted = frozenset(reading.source for reading in readings if _tells_boots(reading))
    in_time = without_noise(each_run_once(sorted(_each_once(told), key=lambda happening: happening.tick_s)))
    ordered = named_by_moment(with_boots(in_time, booted))
    return Chronicle(
        happenings=tuple(ordered),
        samples=measured_in_time(readings, clocks, ordered),
        logs=logs,
        guest_logs=guest_logs,
        is_cut=any(reading.events_not_kept for reading in readings),
    )


def _happenings(reading: LogReading, clock: Clock, names: Names) -> Iterator[Happening]:
    last_boot = reading.boots[-1].index if reading.boots else 0
    behind = 1 if is_of_dead_boot(reading) else 0
    events = (*reading.events, *_unlogged_ends(reading, clock))
    for event, (at_s, uncertainty_s, tick_s) in zip(events, _times(events, clock), strict=True):
        yield Happening(
            event=event,
            at_s=at_s,
            uncertainty_s=uncertainty_s,
            tick_s=tick_s,
            boot=event.at.boot - last_boot - behind,
            domain=None if isinstance(event, UnloggedEnd) else names.domain_of(event),
        )


Time = tuple[float | None, float | None, float]


def _times(events: Sequence[LogEvent | UnloggedEnd], clock: Clock) -> list[Time]:
    """UTC, uncertainty and tick of each; a line without a clock (an assertion of QEMU's) has the time of the
    next that has one, because what ends a process is written just before its end.
    """
    times: list[Time] = []
    following: Time | None = None
    for event in reversed(events):
        at_s, uncertainty_s = clock.utc(event.at)
        if at_s is not None or event.at.monotonic_s is not None:
            following = (at_s, uncertainty_s, tick_of(event.at, at_s, 0.0))
            times.append(following)
        else:
            times.append((None, None, float("nan")) if following is None else following)
    return _carried_forward(times[::-1])


def _carried_forward(times: list[Time]) -> list[Time]:
    """Lines behind the last clock of a log have that clock's time."""
    last: Time = (None, None, 0.0)
    for index, time in enumerate(times):
        if isnan(time[2]):
            times[index] = last
        last = times[index]
    return times


def _unlogged_ends(reading: LogReading, clock: Clock) -> Iterator[UnloggedEnd]:
    """The boots of this log that ended without shutdown or panic and have another behind them."""
    orderly = any(boot.has_shutdown for boot in reading.boots)
    for boot, following in zip(reading.boots, reading.boots[1:], strict=False):
        if boot.last is None or boot.last_line is None or boot.has_shutdown or boot.has_panic:
            continue
        is_unknown = boot.kernel_release is None and boot.boot_id is None and following.boot_id is None
        if is_unknown and not _was_running(boot, clock):
            continue
        yield UnloggedEnd(
            at=boot.last,
            host=None,
            lines=(boot.last_line,),
            boot_id=boot.boot_id,
            silent_s=_silence(boot, following, clock),
            shows_orderly_ends=orderly or _has_services(reading),
        )


def _was_running(boot: Boot, clock: Clock) -> bool:
    """A boot whose beginning this log lacks had run for a while: its lines are not those of the boot behind
    it, which syslog's daemon writes before it copies what the kernel has said so far.
    """
    if boot.first is None or boot.last is None:
        return False
    if boot.last.monotonic_s is not None:
        return boot.last.monotonic_s > START_S
    first, last = clock.utc(boot.first)[0], clock.utc(boot.last)[0]
    return first is not None and last is not None and last - first > START_S


def _silence(boot: Boot, following: Boot, clock: Clock) -> float | None:
    if boot.last is None or following.first is None:
        return None
    before, after = clock.utc(boot.last)[0], clock.utc(following.first)[0]
    return None if before is None or after is None else after - before


def _has_services(reading: LogReading) -> bool:
    """Whether userspace writes into this log, so that an orderly end would stand in it."""
    ends = (boot.last_line.text for boot in reading.boots if boot.last_line is not None)
    return any(word in text for text in ends for word in _DAEMON_WORDS) or any(
        isinstance(event, LibvirtEvent | BackupEvent) for event in reading.events
    )


def _each_once(told: Sequence[Happening]) -> Iterator[Happening]:
    """Drop what another log has said already: the same words at the same moment."""
    kept: dict[bytes, list[Happening]] = {}
    for happening in told:
        same = kept.setdefault(_words(happening.event), [])
        if not any(_is_same_moment(other, happening) for other in same):
            same.append(happening)
            yield happening


def _words(event: LogEvent | UnloggedEnd) -> bytes:
    said = {
        name: getattr(event, name)
        for name in event.__struct_fields__
        if name not in ("at", "host", "lines", "is_from_pstore")
    }
    return str(event.__struct_config__.tag).encode() + msgspec.json.encode(said)


def _is_same_moment(one: Happening, other: Happening) -> bool:
    if one.event.lines[0].source == other.event.lines[0].source:
        return False
    first, second = one.event.at.monotonic_s, other.event.at.monotonic_s
    if first is not None and second is not None:
        is_exact = abs(first - second) < EXACT_S
        return is_exact or (one.boot == other.boot and abs(first - second) < NEAR_S)
    if one.at_s is None or other.at_s is None:
        return False
    doubt = max(one.uncertainty_s or 0.0, other.uncertainty_s or 0.0)
    return abs(one.at_s - other.at_s) <= doubt + NEAR_S


def _tells_boots(reading: LogReading) -> bool:
    """Whether this log can tell one boot from another; QEMU's and libvirt's cannot."""
    return reading.kind in _KERNEL_KINDS or any(
        boot.kernel_release is not None or boot.boot_id is not None for boot in reading.boots
    )


def _log_read(reading: LogReading, clock: Clock) -> LogRead:
    first = clock.utc(reading.first)[0] if reading.first else None
    last = clock.utc(reading.last)[0] if reading.last else None
    return LogRead(
        source=reading.source,
        natures=_natures(reading),
        first_s=first,
        last_s=last,
        first_boot=-max(len(reading.boots) - 1, 0) - is_of_dead_boot(reading),
        lines_total=reading.lines_total,
    )


def _natures(reading: LogReading) -> frozenset[LogNature]:
    found: set[LogNature] = set()
    if reading.kind == "pve-tasks" or reading.source.rsplit("/", 1)[-1].startswith("audit.log"):
        return frozenset({"daemons"})
    if domain_of_source(reading.source) is not None or "qemu" in reading.counts:
        found.add("qemu")
    if "libvirt" in reading.counts or "libvirtd" in reading.source or "virtqemud" in reading.source:
        found.add("daemons")
    is_kernel = reading.kind in _KERNEL_KINDS or bool(KERNEL_TAGS & reading.counts.keys())
    has_clock = reading.first is not None and reading.first.monotonic_s is not None
    name = reading.source.rsplit("/", 1)[-1]
    if is_kernel or has_clock or name.startswith(("kern.log", "syslog", "messages", "dmesg", "vmcore-dmesg")):
        found.add("kernel")
    return frozenset(found)
