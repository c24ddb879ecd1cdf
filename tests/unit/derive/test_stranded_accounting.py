"""The accounting of stranded memory: its terms, its floor, and where it makes no claim."""

from __future__ import annotations

import msgspec
import pytest
from domain_samples import host_evidence, only_domain
from host_samples import UNKNOWN, process

from kvmedic.derive.stranded_accounting import accounting_floor_bytes, derive_stranded_by_accounting
from kvmedic.model.domain import CgroupFacts, StrandedReading
from kvmedic.model.gap import Missing, Reason
from kvmedic.units import GIB, KIB, MIB

FLOOR = 20 * MIB
NATIVE = {"workingset_refault_anon": 0}
STAT = {
    "active_anon": 100 * MIB,
    "inactive_anon": 900 * MIB,
    "anon": 600 * MIB,
    "shmem": 10 * MIB,
    "swapcached": 5 * MIB,
}


def cgroup(**changes: object) -> CgroupFacts:
    """A group of version 2 with one QEMU, 385 MiB of whose folios nobody maps."""
    base = only_domain(host_evidence()).cgroup
    assert not isinstance(base, Missing)
    stat = {
        **STAT,
        **{name: value for name, value in changes.items() if name not in {"version", "qemu_pids"}},
    }
    kept = {name: value for name, value in stat.items() if value is not None}
    return msgspec.structs.replace(
        base, version=changes.get("version", 2), qemu_pids=changes.get("qemu_pids", (1,)), stat=kept
    )


def reading(
    group: CgroupFacts, gap: Missing | None = None, vmstat: dict[str, int] | None = None
) -> StrandedReading | Missing:
    """What the accounting says of it."""
    known = NATIVE if vmstat is None else vmstat
    return derive_stranded_by_accounting(group, process(rss_anon_bytes=600 * MIB), FLOOR, gap, known)


def test_what_the_lists_hold_and_nobody_maps_is_stranded() -> None:
    found = reading(cgroup())
    assert found == StrandedReading(method="lru-accounting", bytes=385 * MIB, blocks=None, error_bytes=FLOOR)


def test_on_version_1_the_whole_subtree_counts() -> None:
    stat = {f"total_{name}": value for name, value in STAT.items()} | {"total_rss": 600 * MIB}
    zeros = {"active_anon": 0, "inactive_anon": 0, "rss": 0, "anon": None, "shmem": 0, "swapcached": 0}
    found = reading(cgroup(version=1, **zeros, **stat))
    assert isinstance(found, StrandedReading)
    assert found.bytes == 385 * MIB


def test_file_cache_kernel_memory_and_shared_ram_are_not_stranded() -> None:
    shared = cgroup(inactive_anon=1500 * MIB, shmem=610 * MIB, file=GIB, kernel_stack=MIB)
    found = reading(shared)
    assert isinstance(found, StrandedReading)
    assert found.bytes == 385 * MIB


def test_a_reading_is_never_below_zero() -> None:
    found = reading(cgroup(inactive_anon=0))
    assert isinstance(found, StrandedReading)
    assert found.bytes == 0


def test_a_kernel_that_does_not_tell_the_swap_cache_widens_the_error_by_what_is_swapped() -> None:
    found = reading(cgroup(swapcached=None, swap=50 * MIB))
    assert isinstance(found, StrandedReading)
    assert (found.bytes, found.error_bytes) == (390 * MIB, FLOOR + 50 * MIB)


@pytest.mark.parametrize(
    "group",
    [
        cgroup(qemu_pids=(1, 2)),
        cgroup(unevictable=500 * MIB),
        cgroup(anon=900 * MIB),
        cgroup(anon=None),
    ],
    ids=["shared", "locked", "a login session", "no anon"],
)
def test_where_the_account_is_not_the_domains_alone_no_claim_is_made(group: CgroupFacts) -> None:
    assert isinstance(reading(group), Missing)


def test_kernels_that_count_otherwise_are_unsupported() -> None:
    gap = Missing(source="x", reason=Reason.UNSUPPORTED, detail="NO_PAGE_MAPCOUNT")
    assert reading(cgroup(), gap) == gap
    old = reading(cgroup(), vmstat={"nr_free_pages": 1})
    assert isinstance(old, Missing)
    assert old.reason is Reason.UNSUPPORTED
    unknown = derive_stranded_by_accounting(cgroup(), UNKNOWN, FLOOR, None, UNKNOWN)
    assert isinstance(unknown, Missing)


def test_the_floor_grows_with_the_cpus() -> None:
    assert accounting_floor_bytes(2, 4 * KIB) == 16 * MIB + 5 * 64 * 2 * 4 * KIB
    assert accounting_floor_bytes(256, 4 * KIB) > accounting_floor_bytes(2, 4 * KIB)
    assert accounting_floor_bytes(2, 4 * KIB) > 11 * MIB
