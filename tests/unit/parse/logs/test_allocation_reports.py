"""Failed page and slab allocations, and the flags of requests in every spelling."""
# ruff: noqa: E501 (log lines stand as the kernel prints them)

from __future__ import annotations

import pytest
from log_samples import dmesg, read, syslog, the_event

from kvmedic.model.log_event import PageAllocationFailure, SlubFailure
from kvmedic.parse.logs.gfp import parse_gfp

MEM_INFO = """\
Mem-Info:
active_anon:1 inactive_anon:2 isolated_anon:0
 free:812345 free_pcp:0 free_cma:0
Node 0 Normal free:3249380kB min:67584kB low:131072kB high:194560kB reserved_highatomic:0KB present:65011712kB managed:63854592kB
Node 0 Normal: 512345*4kB (UME) 150000*8kB (UME) 0*16kB 0*32kB 0*64kB 0*128kB 0*256kB 0*512kB 0*1024kB 0*2048kB 0*4096kB = 3249380kB
"""
PAGE_6_1 = (
    """\
qemu-system-x86: page allocation failure: order:4, mode:0x40dc0(GFP_KERNEL|__GFP_COMP|__GFP_ZERO), nodemask=(null),cpuset=emulator,mems_allowed=0
CPU: 5 PID: 991 Comm: qemu-system-x86 Not tainted 6.1.0-18-amd64 #1
Hardware name: Supermicro X11/X11, BIOS 3.3 01/01/2020
Call Trace:
 <TASK>
 warn_alloc+0x11d/0x190
 kmem_cache_alloc+0x17a/0x2f0
 kvm_vm_ioctl+0x3b1/0x8e0 [kvm]
 </TASK>
"""
    + MEM_INFO
)


def test_a_high_order_failure_tells_order_flags_and_ample_free_memory() -> None:
    report = the_event(PageAllocationFailure, dmesg(PAGE_6_1))

    assert (report.kind, report.order, report.requester.comm, report.requester.pid) == (
        "page",
        4,
        "qemu-system-x86",
        991,
    )
    assert report.gfp is not None
    assert (report.gfp.can_direct_reclaim, report.gfp.is_atomic, report.gfp.may_use_fs) == (True, False, True)
    assert (report.cpuset, report.mems_allowed, report.nodemask) == ("emulator", "0", None)
    assert report.is_in_interrupt is False
    assert report.mem_info is not None
    (zone,) = report.mem_info.zones
    assert zone.free_bytes is not None
    assert zone.high_bytes is not None
    assert zone.free_bytes > 10 * zone.high_bytes
    assert sum(block.count for block in zone.blocks if block.order >= 2) == 0
    assert "kvm_vm_ioctl" in report.call_trace


def test_an_atomic_failure_in_an_interrupt_is_told_from_a_processs_own() -> None:
    text = """\
swapper/3: page allocation failure: order:2, mode:0x20
Pid: 0, comm: swapper/3 Not tainted 3.2.0-4-amd64 #1
Call Trace:
 <IRQ>  [<ffffffff810baf5c>] ? warn_alloc_failed+0x11a/0x12d
 [<ffffffff812850a9>] __alloc_skb+0x69/0x12a
 <EOI>  [<ffffffff8100d755>] ? default_idle+0x47/0x7f
"""

    report = the_event(PageAllocationFailure, syslog(text))

    assert (report.order, report.requester.comm) == (2, "swapper/3")
    assert report.is_in_interrupt is True
    assert report.gfp is not None
    assert report.gfp.is_atomic


@pytest.mark.parametrize(
    ("header", "order", "comm"),
    [
        ("mevent: page allocation failure: order:9, mode:0x40dc0(GFP_KERNEL|__GFP_COMP)", 9, "mevent"),
        ("novfsd: page allocation failure. order:4, mode:0xd0", 4, "novfsd"),
        ("swapper/0: page allocation failure: order:4, mode:0x20", 4, "swapper/0"),
        (
            "CPU 0/KVM: page allocation failure: order:3, mode:0x2084020(GFP_ATOMIC|__GFP_COMP), nodemask=0-1",
            3,
            "CPU 0/KVM",
        ),
        ("node_exporter: page allocation failure. order:5, mode:0x140c0c0", 5, "node_exporter"),
    ],
)
def test_headers_of_all_ages_are_read(header: str, order: int, comm: str) -> None:
    report = the_event(PageAllocationFailure, dmesg(header))

    assert (report.order, report.requester.comm) == (order, comm)
    assert report.is_in_interrupt is None
    assert report.mem_info is None


def test_stalls_and_vmalloc_are_kinds_of_their_own() -> None:
    stall = the_event(
        PageAllocationFailure,
        dmesg(
            "dd: page allocation stalls for 10008ms, order:0, mode:0x14200ca(GFP_HIGHUSER_MOVABLE), nodemask=(null)"
        ),
    )
    vmalloc = the_event(
        PageAllocationFailure, dmesg("insmod: vmalloc: allocation failure: 67108864 bytes, mode:0xd2")
    )

    assert (stall.kind, stall.stalled_ms, stall.order) == ("stall", 10008, 0)
    assert (vmalloc.kind, vmalloc.order, vmalloc.size_bytes) == ("vmalloc", None, 67108864)


@pytest.mark.parametrize(
    ("text", "reclaim", "atomic", "fs"),
    [
        ("0x20", False, True, False),  # GFP_ATOMIC up to 4.3
        ("0xd0", True, False, True),  # GFP_KERNEL up to 4.3
        ("d0", True, False, True),
        ("0x201da", True, False, True),  # GFP_HIGHUSER_MOVABLE up to 4.3
        ("0x50", True, False, False),  # GFP_NOFS up to 4.3
        ("0x2080020", False, True, False),  # GFP_ATOMIC of 4.4
        ("0x24000c0", True, False, True),  # GFP_KERNEL of 4.4
        ("0x24201ca", True, False, True),
        ("0xcc0(GFP_KERNEL)", True, False, True),
        ("0xa20(GFP_ATOMIC)", False, True, False),
        ("0x820(GFP_ATOMIC)", False, True, False),
        ("0x140dca(GFP_HIGHUSER_MOVABLE|__GFP_COMP|__GFP_ZERO)", True, False, True),
        ("0x40c00(GFP_NOIO|__GFP_COMP)", True, False, False),
        ("0x800(GFP_NOWAIT)", False, False, False),
        ("0x0()", False, False, False),
    ],
)
def test_flags_of_both_layouts_and_names_are_decoded(
    text: str, reclaim: bool, atomic: bool, fs: bool
) -> None:
    mask = parse_gfp(text)

    assert mask is not None
    assert (mask.can_direct_reclaim, mask.is_atomic, mask.may_use_fs) == (reclaim, atomic, fs)


def test_a_transparent_huge_page_request_may_fail_early() -> None:
    mask = parse_gfp("0x3d24ca(GFP_TRANSHUGE|__GFP_NORETRY|__GFP_THISNODE)")

    assert mask is not None
    assert (mask.may_fail_early, mask.is_this_node_only, mask.is_movable) == (True, True, True)


def test_a_slab_cache_of_one_cgroup_is_told() -> None:
    text = """\
SLUB: Unable to allocate memory on node -1 (gfp=0x20)
  cache: kmalloc-1024(1793:0a1b2c), object size: 1024, buffer size: 1024, default order: 3, min order: 0
  node 0: slabs: 12, objs: 384, free: 0
"""

    report = the_event(SlubFailure, dmesg(text))

    assert (report.node, report.cache, report.memcg_cache) == (
        -1,
        "kmalloc-1024",
        "kmalloc-1024(1793:0a1b2c)",
    )
    assert (report.object_bytes, report.default_order, report.min_order) == (1024, 3, 0)


def test_a_kvm_vcpu_slab_failure_follows_its_page_failure() -> None:
    text = (
        PAGE_6_1
        + """\
SLUB: Unable to allocate memory on CPU 5 (of node 0) on node -1, gfp=0xdc0(GFP_KERNEL|__GFP_ZERO)
  cache: kvm_vcpu, object size: 51456, buffer size: 51456, default order: 4, min order: 4
  node 0: slabs: 3, objs: 3, free: 0
"""
    )

    reading = read(dmesg(text))

    assert reading.counts == {"page-allocation-failure": 1, "slub-failure": 1}
    slub = reading.events[1]
    assert isinstance(slub, SlubFailure)
    assert (slub.cache, slub.min_order, slub.memcg_cache) == ("kvm_vcpu", 4, None)
