"""One clock for all logs: years that no line names, zones that the host knows, seconds since boot."""

from __future__ import annotations

from datetime import UTC, datetime

from kvmedic.derive.clocks import Clock, ClockFacts
from kvmedic.model.log_event import LogReading, OomReport
from kvmedic.parse.logs import read_events

KILL = "Out of memory: Killed process 7 (kvm) total-vm:1kB, anon-rss:1kB, file-rss:0kB, shmem-rss:0kB"


def read(text: str, source: str = "kern.log") -> LogReading:
    return read_events(source, [text.encode()])


def utc_of(reading: LogReading, **facts: float | None) -> list[str | None]:
    """When each OOM report was written, in UTC."""
    known: dict[str, float | None] = {"now_s": _s(2026, 3, 1), "zone_offset_s": None, "booted_at_s": None}
    clock = Clock(reading, ClockFacts(**(known | facts)))  # type: ignore[arg-type]
    moments = [clock.utc(event.at)[0] for event in reading.events if isinstance(event, OomReport)]
    return [None if at is None else datetime.fromtimestamp(at, UTC).isoformat()[:19] for at in moments]


def _s(year: int, month: int, day: int) -> float:
    return datetime(year, month, day, tzinfo=UTC).timestamp()


def test_a_log_across_the_turn_of_the_year_ends_in_this_one() -> None:
    asked = "kvm invoked oom-killer: gfp_mask=0xd0, order=0, oom_score_adj=0"
    reading = read(
        f"Dec 31 23:59:59 h kernel: {asked}\nDec 31 23:59:59 h kernel: {KILL}\n"
        f"Jan  2 00:00:01 h kernel: {asked}\n"
    )

    assert utc_of(reading) == ["2025-12-31T23:59:59", "2026-01-02T00:00:01"]


def test_a_day_that_lies_ahead_was_last_year() -> None:
    assert utc_of(read(f"Jul  4 10:00:00 h kernel: {KILL}\n")) == ["2025-07-04T10:00:00"]


def test_the_29th_of_february_is_taken_for_the_28th_where_there_is_none() -> None:
    assert utc_of(read(f"Feb 29 10:00:00 h kernel: {KILL}\n")) == ["2026-02-28T10:00:00"]


def test_a_known_zone_is_taken_off() -> None:
    reading = read(f"Feb  4 10:00:00 h kernel: {KILL}\n")

    assert utc_of(reading, zone_offset_s=3600.0) == ["2026-02-04T09:00:00"]


def test_seconds_since_boot_need_to_know_when_that_was() -> None:
    reading = read(f"[   60.000000] {KILL}\n")

    assert utc_of(reading) == [None]
    assert utc_of(reading, booted_at_s=_s(2026, 2, 4)) == ["2026-02-04T00:01:00"]


def test_a_crash_dump_is_not_of_the_boot_that_runs() -> None:
    reading = read(f"[   60.000000] {KILL}\n", source="var/crash/1/vmcore-dmesg.txt")

    assert utc_of(reading, booted_at_s=_s(2026, 2, 4)) == [None]
