"""Which orders of blocks this host asks for, by whom, and what happens when there is none.

mm/page_alloc.c: up to order 3 (PAGE_ALLOC_COSTLY_ORDER) the allocator may kill a process for the block;
above it the request fails. Only users that this host shows evidence of are listed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from kvmedic.model.gap import Missing
from kvmedic.model.memory import HugepagePool, SlabCache, TransparentHugepages
from kvmedic.model.zone_facts import DemandedOrder
from kvmedic.units import KIB

COSTLY_ORDER = 3
KVM_VCPU = "sys/kernel/slab/kvm_vcpu"
KERNEL_STACK_BYTES = 16 * KIB
"""THREAD_SIZE of x86-64 and arm64."""
VMAP_STACK = "kernel configuration: VMAP_STACK"
THP_ENABLED = "sys/kernel/mm/transparent_hugepage/enabled"


def derive_demanded_orders(
    kvm_vcpu: SlabCache | Missing,
    thp: TransparentHugepages | Missing,
    pools: Sequence[HugepagePool] | Missing,
    configuration: Mapping[str, str] | Missing,
    page_size_bytes: int,
) -> tuple[DemandedOrder, ...]:
    """The demands, lowest order first. What a gap hides is not listed: the gap itself stands elsewhere."""
    demands = [
        *_vcpu(kvm_vcpu),
        *_stacks(configuration, page_size_bytes),
        *_huge_pages(thp, page_size_bytes),
        *_pools(pools, page_size_bytes),
    ]
    return tuple(sorted(demands, key=lambda demand: demand.order))


def order_of(size_bytes: int, page_size_bytes: int) -> int:
    """The order of the smallest block that holds ``size_bytes``."""
    pages = -(-size_bytes // page_size_bytes)
    return max(pages - 1, 0).bit_length()


def _vcpu(kvm_vcpu: SlabCache | Missing) -> Iterator[DemandedOrder]:
    if isinstance(kvm_vcpu, Missing) or kvm_vcpu.order == 0:
        return
    if kvm_vcpu.order > COSTLY_ORDER:
        fails = "no vCPU can be created (ENOMEM): domains do not start; nothing is killed"
    else:
        fails = "the kernel may kill a process for it, then no vCPU can be created (ENOMEM)"
    yield DemandedOrder(
        order=kvm_vcpu.order, user="a new vCPU (kvm_vcpu)", on_failure=fails, source=f"{KVM_VCPU}/order"
    )


def _stacks(configuration: Mapping[str, str] | Missing, page_size_bytes: int) -> Iterator[DemandedOrder]:
    """With VMAP_STACK the kernel's stacks are single pages from vmalloc, and ask for no block."""
    if isinstance(configuration, Missing) or configuration.get("CONFIG_VMAP_STACK", "n") == "y":
        return
    order = order_of(KERNEL_STACK_BYTES, page_size_bytes)
    if order:
        fails = "the kernel may kill a process for it, then no thread can be started"
        yield DemandedOrder(order=order, user="a new thread (its stack)", on_failure=fails, source=VMAP_STACK)


def _huge_pages(thp: TransparentHugepages | Missing, page_size_bytes: int) -> Iterator[DemandedOrder]:
    if isinstance(thp, Missing) or isinstance(thp.pmd_size_bytes, Missing):
        return
    if thp.settings.get("enabled", "never") == "never":
        return
    yield DemandedOrder(
        order=order_of(thp.pmd_size_bytes, page_size_bytes),
        user="transparent huge pages",
        on_failure="the guest stalls for compaction, then gets small pages; nothing is killed",
        source=THP_ENABLED,
    )


def _pools(pools: Sequence[HugepagePool] | Missing, page_size_bytes: int) -> Iterator[DemandedOrder]:
    for pool in () if isinstance(pools, Missing) else pools:
        if pool.total_pages or pool.overcommit_pages:
            kib = pool.page_size_bytes // KIB
            yield DemandedOrder(
                order=order_of(pool.page_size_bytes, page_size_bytes),
                user=f"hugetlb pool of {kib} KiB pages",
                on_failure="a pool grown at run time stays short; reserve it at boot",
                source=f"sys/kernel/mm/hugepages/hugepages-{kib}kB",
            )
