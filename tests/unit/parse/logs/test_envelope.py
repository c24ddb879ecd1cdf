"""Every prefix in use gives the same message, with what it tells of time, host and program."""

from __future__ import annotations

import pytest

from kvmedic.parse.logs.envelope import Envelope, LogLine
from kvmedic.parse.logs.wall_clock import seconds_since_1970

MESSAGE = "EDAC MC0: 1 CE memory read error on CPU_SrcID#0_DIMM#0 (channel:0)"
NOON_UTC = seconds_since_1970(2026, 11, 24, 3, 0, 12)
BARE = "dmesg"


def line_of(text: str) -> LogLine:
    """The line, read alone."""
    return Envelope().read(7, text)


@pytest.mark.parametrize(
    "prefix",
    [
        "[12345.678901] ", "<4>[12345.678901] ", "[12345.678901][  T123] ", "[12345.678901] [    C0] ",
        "kern  :warn  : [12345.678901] ", "4,1234,12345678901,-;", "12,1234,12345678901,-,caller=T1;",
        "Nov 24 03:00:12 node7 kernel: [12345.678901] ", "<4>Nov 24 03:00:12 node7 kernel: [12345.678901] ",
        "2026-11-24T03:00:12.123456+01:00 node7 kernel: [12345.678901] ",
        "[12345.678901] node7 kernel: ", "[12345.678901] kernel: ", "\x1b[32m[12345.678901] \x1b[0m",
        "[2026-11-24 03:00:12] [12345.678901] ", "[12345.678901]: ",
    ],
)  # fmt: skip
def test_the_monotonic_time_is_found_behind_every_prefix(prefix: str) -> None:
    line = line_of(f"{prefix}{MESSAGE}\r\n")

    assert line.message == MESSAGE
    assert line.monotonic_s == pytest.approx(12345.678901)
    assert line.is_kernel


@pytest.mark.parametrize(
    ("prefix", "zone_known", "year_known", "wall"),
    [
        ("[Tue Nov 24 03:00:12 2026] ", False, True, NOON_UTC),
        ("2026-11-24T03:00:12,000000+00:00 ", True, True, NOON_UTC),
        ("2026-11-24T03:00:12,000000+01:00 ", True, True, NOON_UTC - 3600),
        ("2026-11-24T03:00:12+0100 node7 kernel: ", True, True, NOON_UTC - 3600),
        ("2026-11-24T03:00:12.000Z node7 kernel: ", True, True, NOON_UTC),
        ("<4>1 2026-11-24T03:00:12.000Z node7 kernel - - - ", True, True, NOON_UTC),
        ("2026-11-24 03:00:12 node7 kernel: ", False, True, NOON_UTC),
        ("2026-11-24 03:00:12.000+0000: ", True, True, NOON_UTC),
        ("Nov 24 03:00:12 node7 kernel: ", False, False, seconds_since_1970(1972, 11, 24, 3, 0, 12)),
        ("Nov 24 03:00:12.000000 node7 kernel: ", False, False, seconds_since_1970(1972, 11, 24, 3, 0, 12)),
        ("Nov 24 2026 03:00:12 node7 kernel: ", False, True, NOON_UTC),
    ],
)
def test_wall_time_says_what_is_unknown_about_it(
    prefix: str, zone_known: bool, year_known: bool, wall: int
) -> None:
    line = line_of(prefix + MESSAGE)

    assert line.message == MESSAGE
    assert (line.is_zone_known, line.is_year_known, line.wall_s) == (zone_known, year_known, wall)
    assert line.uncertainty_s is not None
    assert (line.uncertainty_s <= 1.0) == zone_known


@pytest.mark.parametrize(
    "prefix",
    [
        "[dim. 19 avril 03:00:12 2026] ", "avril 19 03:00:12 node7 kernel: ", "jun 20 03:00:12 a kernel: ",
        "03:00:12 kernel: ", "kernel: ", "Nov 24 03:00:12 kernel: ", "[So Nov 24 03:00:12 2026] ",
    ],
)  # fmt: skip
def test_times_in_other_languages_or_without_a_date_leave_the_message_whole(prefix: str) -> None:
    line = line_of(prefix + MESSAGE)

    assert line.message == MESSAGE
    assert line.is_kernel


def test_programs_keep_their_names_and_pids() -> None:
    line = line_of(
        "Nov 24 03:00:12 node7 pve-ha-lrm[2201]: lost lock 'ha_agent_node7_lock - cfs lock update failed"
    )

    assert (line.host, line.identifier, line.pid) == ("node7", "pve-ha-lrm", 2201)
    assert not line.is_kernel


def test_a_tag_without_a_host_is_read() -> None:
    line = line_of("Nov 24 03:00:12 systemd-oomd[934]: Killed /a due to memory pressure")

    assert (line.host, line.identifier, line.pid) == (None, "systemd-oomd", 934)


def test_libvirtds_own_log_names_thread_and_level() -> None:
    line = line_of(
        "2026-11-24 03:00:12.123+0000: 1234: error : qemuMonitorIO:577 : internal error: End of file"
    )

    assert (line.identifier, line.pid, line.severity) == ("libvirtd", 1234, 3)
    assert line.message == "internal error: End of file"


def test_a_year_that_ends_within_the_log_is_counted() -> None:
    envelope = Envelope()
    december = envelope.read(1, "Dec 31 23:59:59 a kernel: x").wall_s
    january = envelope.read(2, "Jan  1 00:00:01 a kernel: x").wall_s
    late = envelope.read(3, "Dec 31 23:59:59 a kernel: late").wall_s

    assert december is not None
    assert january is not None
    assert january - december == 2
    assert late == december


@pytest.mark.parametrize(
    "text", ["[   99]   0    99   1  2", "Mem-Info:", " active_file:8 inactive_file:9", "", "[x"]
)
def test_lines_without_a_prefix_are_all_message(text: str) -> None:
    line = line_of(text)

    assert line.message == text
    assert line.monotonic_s is None
    assert line.wall_s is None


def test_numbers_of_absurd_length_and_foreign_digits_do_no_harm() -> None:
    for text in (
        "[" + "9" * 9000 + ".1] x",
        "9,9," + "9" * 9000 + ",-;x",
        "<1>1 2026-01-01T00:00:00Z a b ² m - x",
    ):
        assert line_of(text).number == 7
