"""Parsers and derived facts against what the running kernel says elsewhere."""

from __future__ import annotations

import mmap
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kvmedic.derive.host_stranded import derive_stranded_range, stranded_floor_bytes
from kvmedic.derive.page_size import derive_page_size
from kvmedic.derive.zones import fragmentation_thousandths, unusable_thousandths
from kvmedic.model.evidence import Evidence, Target
from kvmedic.model.gap import Missing
from kvmedic.model.memory import Meminfo
from kvmedic.parse.buddyinfo import parse_buddyinfo
from kvmedic.parse.extfrag import parse_extfrag
from kvmedic.parse.meminfo import parse_meminfo
from kvmedic.parse.pagetypeinfo import parse_pagetypeinfo
from kvmedic.parse.slabinfo import parse_slabinfo
from kvmedic.parse.vmstat import parse_vmstat
from kvmedic.parse.zoneinfo import parse_zoneinfo
from kvmedic.units import MIB

ATTEMPTS = 20
"""Two files are never read at one moment; on a busy host some attempts have to be made again."""
NOTHING = Evidence(target=Target(kind="host", name="here"), taken_at=0.0, interval_s=0.0, files={}, again={})


def read(path: str) -> str:
    """A file of /proc, now."""
    return Path("/proc", path).read_text()


def meminfo_now() -> Meminfo:
    """/proc/meminfo, now, after every CPU told its statistics."""
    if os.geteuid() == 0:
        Path("/proc/sys/vm/stat_refresh").write_text("1")
    return parse_meminfo(read("meminfo"), "proc/meminfo")


@pytest.fixture
def extfrag(tmp_path: Path) -> Iterator[Path | None]:
    """The kernel's own indices; None where debugfs may not be mounted or does not have them."""
    command = ["mount", "-t", "debugfs", "none", str(tmp_path)]
    is_mounted = subprocess.run(command, check=False, capture_output=True).returncode == 0
    folder = tmp_path / "extfrag"
    yield folder if is_mounted and folder.is_dir() else None
    if is_mounted:
        subprocess.run(["umount", str(tmp_path)], check=True)


def free_pages_by_zone() -> dict[tuple[int, str], tuple[int, int]]:
    """Free pages of each zone by buddyinfo and by zoneinfo."""
    zones = {(zone.node, zone.zone): zone for zone in parse_zoneinfo(read("zoneinfo"), "proc/zoneinfo")}
    areas = parse_buddyinfo(read("buddyinfo"), "proc/buddyinfo")
    return {
        (area.node, area.zone): (
            sum(blocks << order for order, blocks in enumerate(area.free_blocks)),
            zones[area.node, area.zone].free_pages,
        )
        for area in areas
    }


def test_buddyinfo_and_zoneinfo_tell_the_same_free_pages() -> None:
    def drift() -> float:
        return max(abs(a - b) / max(a, b, 4096) for a, b in free_pages_by_zone().values())

    assert min(drift() for _ in range(ATTEMPTS)) < 0.02


def test_meminfo_and_vmstat_tell_the_same_amounts() -> None:
    vmstat, meminfo = (
        parse_vmstat(read("vmstat"), "proc/vmstat"),
        parse_meminfo(read("meminfo"), "proc/meminfo"),
    )
    page = mmap.PAGESIZE
    for row, counter in (
        ("AnonPages", "nr_anon_pages"),
        ("Shmem", "nr_shmem"),
        ("Unevictable", "nr_unevictable"),
    ):
        assert abs(meminfo[row] - vmstat[counter] * page) <= max(0.1 * meminfo[row], 8 * MIB)


def test_the_page_size_is_found_without_asking_for_it() -> None:
    vmstat, meminfo = (
        parse_vmstat(read("vmstat"), "proc/vmstat"),
        parse_meminfo(read("meminfo"), "proc/meminfo"),
    )

    assert derive_page_size(NOTHING, meminfo, vmstat) == (mmap.PAGESIZE, None)


@pytest.mark.live
def test_free_blocks_by_type_add_up_to_buddyinfo() -> None:
    def largest_difference() -> int:
        info = parse_pagetypeinfo(read("pagetypeinfo"), "proc/pagetypeinfo")
        exact = [row for row in info.free if not row.lower_bounds]
        areas = parse_buddyinfo(read("buddyinfo"), "proc/buddyinfo")
        return max(
            abs(
                sum(row.free_blocks[-1] for row in exact if (row.node, row.zone) == key)
                - area.free_blocks[-1]
            )
            for area in areas
            for key in [(area.node, area.zone)]
        )

    assert min(largest_difference() for _ in range(ATTEMPTS)) <= 1


@pytest.mark.live
def test_slabinfo_adds_up_to_the_slab_row_of_meminfo() -> None:
    slabs = parse_slabinfo(read("slabinfo"), "proc/slabinfo", mmap.PAGESIZE)
    told = parse_meminfo(read("meminfo"), "proc/meminfo")["Slab"]

    assert sum(slab.total_bytes for slab in slabs) == pytest.approx(told, rel=0.1)


@pytest.mark.live
def test_both_indices_equal_the_kernel_s_own(extfrag: Path | None) -> None:
    if extfrag is None:  # lockdown: the vectors of tests/unit/derive/test_zones.py have to do
        return

    def largest_difference(name: str) -> int:
        areas = {(a.node, a.zone): a for a in parse_buddyinfo(read("buddyinfo"), "proc/buddyinfo")}
        told = parse_extfrag((extfrag / name).read_text(), name)
        assert {(row.node, row.zone) for row in told} == set(areas)
        index = unusable_thousandths if name == "unusable_index" else fragmentation_thousandths
        return max(
            abs(index(areas[row.node, row.zone].free_blocks, order) - thousandths)
            for row in told
            for order, thousandths in enumerate(row.thousandths)
        )

    assert min(largest_difference("unusable_index") for _ in range(ATTEMPTS)) <= 1
    assert min(largest_difference("extfrag_index") for _ in range(ATTEMPTS)) <= 1


def punched(size: int) -> tuple[mmap.mmap, int]:
    """Memory on huge pages, every second page given back, and how many bytes are stranded in it."""
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.madvise(mmap.MADV_HUGEPAGE)
    for start in range(0, size, mmap.PAGESIZE):
        memory[start] = 1
    smaps = Path("/proc/self/smaps_rollup").read_text()
    huge = next(int(row.split()[1]) * 1024 for row in smaps.splitlines() if row.startswith("AnonHugePages"))
    for start in range(0, size, 2 * mmap.PAGESIZE):
        memory.madvise(mmap.MADV_DONTNEED, start, mmap.PAGESIZE)
    return memory, min(huge, size) // 2


@pytest.mark.live
def test_memory_stranded_on_purpose_is_what_meminfo_shows() -> None:
    def reading() -> int:
        found = derive_stranded_range(meminfo_now(), os.cpu_count() or 1, mmap.PAGESIZE)
        assert not isinstance(found, Missing)
        return found.low_bytes

    def difference() -> float:
        before = reading()
        memory, stranded = punched(256 * MIB)
        grown = reading() - before
        memory.close()
        time.sleep(0.2)
        return abs(grown - stranded)

    differences = [difference() for _ in range(5)]  # other guests of this host may move in between

    assert min(differences) < 0.05 * 128 * MIB
    assert min(differences) < stranded_floor_bytes(os.cpu_count() or 1, mmap.PAGESIZE)
