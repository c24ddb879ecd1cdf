"""The host's stranded memory from meminfo: proven above the floor, hidden by what is locked, or a gap."""

from __future__ import annotations

import pytest
from host_samples import KERNELS, UNKNOWN

from kvmedic.derive.host_stranded import (
    StrandedRange,
    derive_stranded_range,
    hidden_gap,
    mapcount_gap,
    stranded_floor_bytes,
)
from kvmedic.model.gap import Missing
from kvmedic.model.memory import Meminfo
from kvmedic.parse.meminfo import parse_meminfo
from kvmedic.units import MIB

FLOOR_2_CPUS = 16 * MIB + 2 * 4 * 125 * 4096


def recorded(kernel: str, phase: str) -> Meminfo:
    """What a real kernel said while memory was stranded on purpose (see the README beside it)."""
    text = (KERNELS / f"{kernel}-stranded" / phase / "proc" / "meminfo").read_text()
    return parse_meminfo(text, "proc/meminfo")


def meminfo(**mib: int) -> Meminfo:
    """A meminfo of 4 GiB anonymous memory, all of it mapped, changed by ``mib``."""
    rows = {"active": 3000, "inactive": 1096, "AnonPages": 3996, "Shmem": 100, **mib}
    names = {"active": "Active(anon)", "inactive": "Inactive(anon)"}
    bytes_of = {names.get(key, key): size * MIB for key, size in rows.items()}
    return Meminfo(source="proc/meminfo", bytes_of=bytes_of, counts={})


def bounds(**mib: int) -> StrandedRange:
    """The bounds on a host of 2 CPUs."""
    found = derive_stranded_range(meminfo(**mib), 2, 4096)
    assert not isinstance(found, Missing)
    return found


def test_mapped_memory_is_not_stranded() -> None:
    assert bounds().proven_bytes == 0


def test_what_is_on_the_lists_and_mapped_by_nobody_is_stranded() -> None:
    assert bounds(AnonPages=3996 - 750).proven_bytes == 750 * MIB


@pytest.mark.parametrize("kernel", ["6.1", "6.12"])
@pytest.mark.parametrize(("phase", "stranded"), [("touched", 0), ("stranded", 128 * MIB), ("released", 0)])
def test_a_real_kernel_shows_what_was_stranded_on_purpose_to_the_page(
    kernel: str, phase: str, stranded: int
) -> None:
    found = derive_stranded_range(recorded(kernel, phase), 4, 4096)

    assert not isinstance(found, Missing)
    assert found.proven_bytes == found.high_bytes == stranded


@pytest.mark.parametrize("kernel", ["6.1", "6.12"])
def test_while_memory_was_stranded_the_real_host_got_nothing_back(kernel: str) -> None:
    before, after = recorded(kernel, "touched"), recorded(kernel, "stranded")

    assert before["AnonPages"] - after["AnonPages"] == 128 * MIB
    assert after["MemFree"] - before["MemFree"] < 3 * MIB


@pytest.mark.parametrize(("kernel", "still_stranded"), [("6.1", 120 * MIB), ("6.12", 128 * MIB)])
def test_memory_that_was_locked_then_widens_the_bounds_around_the_truth(
    kernel: str, still_stranded: int
) -> None:
    found = derive_stranded_range(recorded(kernel, "locked"), 4, 4096)

    assert not isinstance(found, Missing)
    assert found.low_bytes < still_stranded
    assert found.high_bytes == pytest.approx(still_stranded, abs=64 * 1024)


@pytest.mark.parametrize(("mib", "proven"), [(19, 0), (20, 20 * MIB), (21, 21 * MIB)])
def test_nothing_is_claimed_up_to_the_floor(mib: int, proven: int) -> None:
    assert stranded_floor_bytes(2, 4096) == FLOOR_2_CPUS < 20 * MIB
    assert bounds(AnonPages=3996 - mib).proven_bytes == proven


def test_the_floor_grows_with_cpus_and_page_size() -> None:
    assert stranded_floor_bytes(256, 4096) - stranded_floor_bytes(2, 4096) == 254 * 500 * 4096
    assert stranded_floor_bytes(64, 65536) > 1024 * MIB


def test_the_swap_cache_is_not_taken_for_stranded_memory() -> None:
    cached = bounds(AnonPages=3996 - 300, SwapCached=300)

    assert cached.proven_bytes == 0
    assert str(hidden_gap(cached)) == (
        "stranded memory of the host: locked memory or the swap cache may hide up to 300 MiB; "
        "the page map would show it"
    )


def test_locked_guests_make_the_reading_negative_and_that_is_no_stranded_memory() -> None:
    locked = bounds(active=0, inactive=100, Unevictable=3996)

    assert locked.low_bytes == -3996 * MIB
    assert locked.proven_bytes == 0
    assert hidden_gap(locked) is None  # not even all of what is locked could hide any


def test_locked_memory_that_may_hide_stranded_memory_is_a_gap() -> None:
    assert hidden_gap(bounds(active=2000, Unevictable=1500)) is not None
    assert hidden_gap(bounds(AnonPages=2000, Unevictable=1500)) is None


@pytest.mark.parametrize("row", ["Active(anon)", "Inactive(anon)", "AnonPages", "Shmem"])
def test_a_meminfo_that_lacks_a_term_is_a_gap(row: str) -> None:
    rows = {name: size for name, size in meminfo().bytes_of.items() if name != row}

    gap = derive_stranded_range(Meminfo(source="proc/meminfo", bytes_of=rows, counts={}), 2, 4096)

    assert isinstance(gap, Missing)
    assert gap.detail == f"proc/meminfo lacks {row}"


def test_no_meminfo_is_a_gap_and_hides_nothing_else() -> None:
    assert derive_stranded_range(UNKNOWN, 2, 4096) is UNKNOWN
    assert hidden_gap(UNKNOWN) is None


def test_a_kernel_without_page_mapcounts_is_not_trusted() -> None:
    gap = mapcount_gap({"CONFIG_NO_PAGE_MAPCOUNT": "y"}, {})

    assert gap is not None
    assert gap.detail == "the kernel is built with NO_PAGE_MAPCOUNT"


def test_a_configuration_without_that_option_is_trusted() -> None:
    assert mapcount_gap({"CONFIG_NO_PAGE_MAPCOUNT": "n"}, UNKNOWN) is None
    assert mapcount_gap({"CONFIG_NUMA": "y"}, {"nr_free_pages_blocks": 1}) is None


def test_without_the_configuration_only_older_kernels_are_trusted() -> None:
    assert mapcount_gap(UNKNOWN, {"nr_free_pages": 1}) is None
    assert mapcount_gap(UNKNOWN, {"nr_free_pages_blocks": 1}) is not None
    assert mapcount_gap(UNKNOWN, UNKNOWN) is not None
