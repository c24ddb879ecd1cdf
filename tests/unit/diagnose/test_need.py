"""How short of memory a host is."""

from __future__ import annotations

from snapshots import GONE, meminfo, snapshot

from kvmedic.diagnose.need import Need, memory_need
from kvmedic.model.finding import Severity
from kvmedic.model.gap import Missing
from kvmedic.model.memory import Meminfo
from kvmedic.units import GIB, KIB


def need_of(reading: Meminfo) -> Need:
    need = memory_need(snapshot(memory_facts={"meminfo": reading}))
    assert not isinstance(need, Missing)
    return need


def test_a_host_is_short_below_a_tenth_of_its_memory() -> None:
    tenth = 64 * GIB // 10

    assert not need_of(meminfo(available=tenth)).is_short
    assert need_of(meminfo(available=tenth - 1)).is_short


def test_a_large_host_is_not_short_with_32_gib_available() -> None:
    assert not need_of(meminfo(available=32 * GIB, total=1024 * GIB)).is_short
    assert need_of(meminfo(available=32 * GIB - 1, total=1024 * GIB)).is_short


def test_hugetlb_pools_are_no_part_of_what_could_be_available() -> None:
    by_row = need_of(meminfo(available=6 * GIB, total=512 * GIB, Hugetlb=480 * GIB))
    older = Meminfo(
        source="proc/meminfo",
        bytes_of={"MemTotal": 512 * GIB, "MemAvailable": 6 * GIB, "Hugepagesize": 2048 * KIB},
        counts={"HugePages_Total": 480 * 512},
    )

    assert not by_row.is_short
    assert by_row.reason.text == "6.0 GiB of 32.0 GiB available, 480 GiB more in hugetlb pools"
    assert need_of(older).total_bytes == 32 * GIB


def test_need_turns_into_severity() -> None:
    assert need_of(meminfo()).severity() is Severity.INFO
    assert need_of(meminfo(available=1)).severity() is Severity.WARNING
    assert need_of(meminfo(available=1)).severity(Severity.CRITICAL) is Severity.CRITICAL


def test_without_meminfo_there_is_a_gap() -> None:
    assert isinstance(memory_need(snapshot(memory_facts={"meminfo": GONE})), Missing)
