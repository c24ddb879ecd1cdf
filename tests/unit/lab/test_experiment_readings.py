"""A reading is parsed from what the shell printed, on both kinds of memory group."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from kvmedic.errors import OutcomeUnknownError, UsageError
from kvmedic.lab.experiment import Wanted, check_wanted
from kvmedic.lab.matrix import MATRIX, matrix
from kvmedic.lab.measure import Pulse, parse_reading
from kvmedic.units import KIB

HOST = """@meminfo
MemTotal:        1000 kB
MemFree:          300 kB
MemAvailable:     400 kB
Active(anon):      10 kB
Inactive(anon):   500 kB
AnonPages:        380 kB
Shmem:             20 kB
@buddyinfo
Node 0, zone      DMA      1      2      0      0      0      0      0      0      0      0      3
Node 0, zone   Normal      5      0      0      0      0      0      0      0      0      7      0
@vmstat
oom_kill 2
"""
QEMU = """@qemu
VmRSS:\t     200 kB
AnonHugePages:       100 kB
  balloon.current=150
  balloon.maximum=256
usage 409600
"""
V1 = "cache 0\nrss 204800\nshmem 4096\nactive_anon 0\ninactive_anon 350208\n"
V2 = "anon 204800\nshmem 4096\nactive_anon 4096\ninactive_anon 346112\n"


@pytest.mark.parametrize("group", [V1, V2])
def test_the_stranded_memory_of_a_group_is_what_is_listed_and_not_mapped(group: str) -> None:
    told = parse_reading(HOST + QEMU + group, 1.0)

    assert told.stranded_bytes == 350208 - 204800 - 4096
    assert told.host_stranded_bytes == 110 * KIB
    assert (told.charged_bytes, told.rss_bytes) == (409600, 200 * KIB)
    assert (told.actual_bytes, told.maximum_bytes, told.guests) == (150 * KIB, 256 * KIB, 1)
    assert told.free_blocks[0] == 6
    assert told.huge_blocks == 7 + 3 * 2
    assert told.oom_kills == 2


def test_without_a_guest_there_is_no_amount_and_not_nought() -> None:
    told = parse_reading(HOST, 1.0)

    assert told.guests == 0
    assert told.charged_bytes is None
    assert told.stranded_bytes is None


def test_a_reading_that_is_cut_is_no_reading() -> None:
    with pytest.raises(OutcomeUnknownError, match="MemFree"):
        parse_reading(HOST.replace("MemFree", "Mem"), 1.0)


def wanted(scenario: str, remedy: str, ground: str = "nested") -> Wanted:
    return Wanted(
        scenario=scenario,
        remedy=remedy,
        repetition=1,
        ground="here" if ground == "here" else "nested",
        kernel=None,
        cycles=1,
        variant=0,
        has_maps=False,
        keeps_host=False,
    )


@pytest.mark.parametrize(("scenario", "remedy"), [("undone", "do-nothing"), ("stranded", "release-and-tune")])
def test_nothing_that_changes_this_machines_kernel_is_measured_here(scenario: str, remedy: str) -> None:
    with pytest.raises(UsageError, match="would change this machine's own kernel"):
        check_wanted(wanted(scenario, remedy, "here"))


def test_a_move_is_not_measured_where_both_hosts_share_their_memory() -> None:
    with pytest.raises(UsageError, match="migrate needs a second host"):
        check_wanted(wanted("stranded", "migrate", "here"))


def test_a_guest_that_moves_is_heard_on_both_consoles(tmp_path: Path) -> None:
    """Silent for the move only, not from the move on."""
    here, there = tmp_path / "here", tmp_path / "there"
    with Pulse(here, there) as pulse:
        began_s = time.monotonic()
        for console, beat in ((here, 1), (there, 2), (there, 3)):
            with console.open("a") as file:
                file.write(f"COUNT {beat}\n")
            time.sleep(0.5)
        assert pulse.longest_gap_s(began_s, time.monotonic()) < 1.0


def test_an_unknown_remedy_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="there is no remedy prayer") as refused:
        check_wanted(wanted("stranded", "prayer"))
    assert "reboot-the-guest" in str(refused.value.hint)


def test_the_matrix_runs_a_whole_round_before_it_repeats() -> None:
    rows = matrix((), (), ground="nested", kernel=None, repeat=2, cycles=1)

    assert len(rows) == 2 * sum(map(len, MATRIX.values()))
    assert [row.repetition for row in rows] == sorted(row.repetition for row in rows)


def test_here_the_matrix_holds_only_what_is_safe_here() -> None:
    rows = matrix((), (), ground="here", kernel=None, repeat=1, cycles=1)

    assert {row.scenario for row in rows} == {"stranded", "over-inflated"}
    assert not {"reboot-host", "compact-memory", "tune-host"} & {row.remedy for row in rows}
