"""Which orders this host asks for, and what happens when there is none."""

from __future__ import annotations

import pytest
from host_samples import UNKNOWN

from kvmedic.derive.demanded_orders import derive_demanded_orders, order_of
from kvmedic.model.gap import Missing
from kvmedic.model.memory import HugepagePool, SlabCache, TransparentHugepages


def vcpu_of(order: int) -> SlabCache:
    """A kvm_vcpu cache whose slabs have ``order``."""
    return SlabCache(name="kvm_vcpu", object_size_bytes=51456, order=order, objects_per_slab=1)


def thp(enabled: str, size: int = 2 * 1024**2) -> TransparentHugepages:
    """Huge pages as ``enabled`` says."""
    return TransparentHugepages(settings={"enabled": enabled}, pmd_size_bytes=size, stats={})


def pool(size: int, total: int, overcommit: int | None) -> HugepagePool:
    """A host's pool."""
    return HugepagePool(
        node=None,
        page_size_bytes=size,
        total_pages=total,
        free_pages=0,
        reserved_pages=0,
        surplus_pages=0,
        overcommit_pages=overcommit,
    )


@pytest.mark.parametrize(
    ("size", "page", "order"),
    [(4096, 4096, 0), (8192, 4096, 1), (12288, 4096, 2), (2 * 1024**2, 4096, 9), (1024**3, 4096, 18),
     (512 * 1024**2, 65536, 13), (1, 4096, 0)],
)  # fmt: skip
def test_an_order_is_the_smallest_block_that_holds_the_size(size: int, page: int, order: int) -> None:
    assert order_of(size, page) == order


def test_a_vcpu_above_the_costly_order_fails_and_kills_nobody() -> None:
    (demand,) = derive_demanded_orders(vcpu_of(4), UNKNOWN, UNKNOWN, UNKNOWN, 4096)

    assert demand.order == 4
    assert "nothing is killed" in demand.on_failure


def test_a_vcpu_up_to_order_three_may_kill() -> None:
    (demand,) = derive_demanded_orders(vcpu_of(3), UNKNOWN, UNKNOWN, UNKNOWN, 4096)

    assert "may kill a process" in demand.on_failure


def test_a_vcpu_of_single_pages_demands_no_block() -> None:
    assert derive_demanded_orders(vcpu_of(0), UNKNOWN, UNKNOWN, UNKNOWN, 4096) == ()


@pytest.mark.parametrize(("enabled", "orders"), [("always", [9]), ("madvise", [9]), ("never", [])])
def test_huge_pages_are_asked_for_unless_never(enabled: str, orders: list[int]) -> None:
    demands = derive_demanded_orders(UNKNOWN, thp(enabled), UNKNOWN, UNKNOWN, 4096)

    assert [demand.order for demand in demands] == orders


def test_the_size_of_a_huge_page_is_the_kernel_s() -> None:
    (demand,) = derive_demanded_orders(UNKNOWN, thp("always", 512 * 1024**2), UNKNOWN, UNKNOWN, 65536)

    assert demand.order == 13


def test_only_pools_that_are_in_use_or_may_grow_are_listed() -> None:
    pools = (pool(2 * 1024**2, 0, 0), pool(1024**3, 4, 0), pool(64 * 1024, 0, 8), pool(32 * 1024, 0, None))

    assert [demand.order for demand in derive_demanded_orders(UNKNOWN, UNKNOWN, pools, UNKNOWN, 4096)] == [
        4,
        18,
    ]


@pytest.mark.parametrize(
    ("configuration", "page", "orders"),
    [
        ({"CONFIG_VMAP_STACK": "y"}, 4096, []),
        ({"CONFIG_VMAP_STACK": "n"}, 4096, [2]),
        ({"CONFIG_NUMA": "y"}, 4096, [2]),
        ({"CONFIG_VMAP_STACK": "n"}, 65536, []),
        (UNKNOWN, 4096, []),
    ],
)
def test_stacks_are_blocks_only_where_they_do_not_come_from_vmalloc(
    configuration: dict[str, str] | Missing, page: int, orders: list[int]
) -> None:
    demands = derive_demanded_orders(UNKNOWN, UNKNOWN, UNKNOWN, configuration, page)

    assert [demand.order for demand in demands] == orders


def test_demands_come_in_the_order_of_their_size() -> None:
    demands = derive_demanded_orders(vcpu_of(4), thp("madvise"), (pool(1024**3, 1, 0),), UNKNOWN, 4096)

    assert [demand.order for demand in demands] == [4, 9, 18]


def test_what_is_not_known_is_not_listed() -> None:
    assert derive_demanded_orders(UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, 4096) == ()
