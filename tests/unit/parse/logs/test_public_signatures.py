"""The signatures of public incidents: what a diagnosis must be able to see in them."""
# ruff: noqa: E501 (log lines stand as the kernel prints them)

from __future__ import annotations

import pytest
from log_samples import dmesg, events_of, read, syslog, the_event

from kvmedic.model.log_event import (
    BalloonEvent,
    HardwareError,
    HungTask,
    Lockup,
    OomReport,
    PageAllocationFailure,
    QemuEvent,
    SlubFailure,
    UserspaceOomEvent,
)


@pytest.mark.parametrize(
    ("line", "comm", "order", "is_atomic"),
    [
        (
            "dockerd: page allocation failure: order:5, mode:0x40dc0(GFP_KERNEL|__GFP_COMP|__GFP_ZERO), nodemask=(null)",
            "dockerd",
            5,
            False,
        ),
        (
            "mevent: page allocation failure: order:9, mode:0xcc0(GFP_KERNEL), nodemask=(null),cpuset=/,mems_allowed=0",
            "mevent",
            9,
            False,
        ),
        ("novfsd: page allocation failure: order:4, mode:0xd0", "novfsd", 4, False),
        ("swapper/0: page allocation failure: order:4, mode:0x20", "swapper/0", 4, True),
        (
            "node_exporter: page allocation failure. order:5, mode:0x140c0c0(GFP_KERNEL|__GFP_COMP|__GFP_ZERO)",
            "node_exporter",
            5,
            False,
        ),
    ],
)
def test_high_order_requests_are_told_by_order_and_context(
    line: str, comm: str, order: int, is_atomic: bool
) -> None:
    failure = the_event(PageAllocationFailure, dmesg(line))

    assert failure.gfp is not None
    assert (failure.requester.comm, failure.order, failure.gfp.is_atomic) == (comm, order, is_atomic)


@pytest.mark.parametrize("seconds", [122, 241])
def test_a_hung_khugepaged_is_a_hung_task(seconds: int) -> None:
    hung = the_event(HungTask, dmesg(f"INFO: task khugepaged:512 blocked for more than {seconds} seconds."))

    assert (hung.task.comm, hung.blocked_s) == ("khugepaged", seconds)


@pytest.mark.parametrize(
    ("line", "failure"),
    [
        ("qemu-kvm: unable to map backing store for guest RAM: Cannot allocate memory", "backing-store"),
        ("os_mem_prealloc: Insufficient free host memory pages available to allocate guest RAM", "hugepages"),
        ("cannot set up guest memory 'pc.ram': Cannot allocate memory", "guest-memory"),
    ],
)
def test_start_failures_that_look_alike(line: str, failure: str) -> None:
    assert the_event(QemuEvent, line + "\n", source="libvirt/qemu/a.log").failure == failure


def test_a_cgroup_oom_that_killed_libvirtd_does_not_name_the_guest() -> None:
    report = the_event(
        OomReport,
        dmesg(
            "Memory cgroup out of memory: Killed process 77 (libvirtd) total-vm:30000000kB, anon-rss:29360128kB, file-rss:0kB, shmem-rss:0kB, UID:107 pgtables:60000kB oom_score_adj:0"
        ),
    )

    assert report.is_memcg is True
    assert report.victims[0].comm == "libvirtd"
    assert report.victims[0].anon_rss_bytes == 28 << 30


def test_the_constraint_line_of_a_pod_decides_the_kind() -> None:
    line = "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=cri-containerd-0f.scope,mems_allowed=0-1,oom_memcg=/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod96_9a.slice,task_memcg=/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod96_9a.slice/cri-containerd-0f.scope,task=qemu-system-x86,pid=39079,uid=107"

    report = the_event(OomReport, syslog(line))

    assert report.memcg is not None
    assert (
        report.memcg.oom_memcg == "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod96_9a.slice"
    )
    assert (report.cpuset, report.mems_allowed) == ("cri-containerd-0f.scope", "0-1")


def test_an_oom_with_much_free_memory_and_full_swap_shows_both() -> None:
    text = """\
qemu-kvm invoked oom-killer: gfp_mask=0x201da, order=0, oom_score_adj=0
Mem-Info:
active_anon:80123456 inactive_anon:12 isolated_anon:0
 free:12513746 free_pcp:0 free_cma:0
Node 0 Normal free:120kB min:45056kB low:56320kB high:67584kB present:201326592kB managed:198180864kB pages_scanned:9 all_unreclaimable? yes
Node 1 Normal free:50054000kB min:45056kB low:56320kB high:67584kB present:201326592kB managed:198180864kB pages_scanned:0 all_unreclaimable? no
Free swap  = 3072kB
Total swap = 511996kB
Killed process 9 (qemu-kvm) total-vm:126000000kB, anon-rss:120000000kB, file-rss:1kB
"""

    info = the_event(OomReport, dmesg(text)).mem_info

    assert info is not None
    assert info.pages["free"] == 12513746
    assert [(zone.node, zone.free_bytes, zone.is_all_unreclaimable) for zone in info.zones] == [
        (0, 120 << 10, True), (1, 50054000 << 10, False),
    ]  # fmt: skip
    assert (info.swap_free_bytes, info.swap_total_bytes) == (3072 << 10, 511996 << 10)


def test_an_order_two_oom_of_4_4_has_no_usable_block_and_free_above_high() -> None:
    text = """\
qemu-system-x86 invoked oom-killer: gfp_mask=0x26000c0, order=2, oom_score_adj=0
qemu-system-x86 cpuset=emulator mems_allowed=0-1
CPU: 15 PID: 30526 Comm: qemu-system-x86 Tainted: G        W       4.4.0-62-generic #83-Ubuntu
Node 1 Normal free:195472kB min:45152kB low:56440kB high:67728kB present:67108864kB managed:66057592kB pages_scanned:0 all_unreclaimable? no
Node 1 Normal: 44018*4kB (UMEH) 2622*8kB (UMEH) 0*16kB 0*32kB 0*64kB 0*128kB 0*256kB 0*512kB 0*1024kB 0*2048kB 0*4096kB = 197048kB
[ pid ]   uid  tgid total_vm      rss nr_ptes nr_pmds swapents oom_score_adj name
[23493]   111 23493   553726    54242     567       6    81317             0 qemu-system-x86
"""

    report = the_event(OomReport, syslog(text))

    assert (report.order, report.mems_allowed, report.cpuset, report.kernel_release) == (
        2,
        "0-1",
        "emulator",
        "4.4.0-62-generic",
    )
    assert report.gfp is not None
    assert report.gfp.can_direct_reclaim
    assert report.mem_info is not None
    (zone,) = report.mem_info.zones
    assert sum(block.count for block in zone.blocks if block.order >= 2) == 0
    assert (report.tasks[0].swap_pages, report.tasks[0].pgtables_bytes) == (81317, 573 * 4096)


def test_an_oom_out_of_a_page_fault_says_nothing_of_a_request() -> None:
    text = """\
19:18:21 kernel: qemu-system-x86 invoked oom-killer: gfp_mask=0x0, order=0, oom_score_adj=0
19:18:21 kernel: qemu-system-x86 cpuset=7f350737 mems_allowed=0-3
19:18:21 kernel: CPU: 8 PID: 11072 Comm: qemu-system-x86 Tainted: G    B        3.11.2-elastic #2
19:18:21 kernel: [<ffffffff8111ebe9>] pagefault_out_of_memory+0x55/0x68
19:18:21 kernel: Node 2 Normal: 14629*4kB (UEM) 3197*8kB (UEM) 74*16kB (UEM) 265*32kB (UEMR) 1*64kB (R) = 94972kB
"""

    report = the_event(OomReport, text)

    assert report.gfp is None
    assert report.call_trace == ("pagefault_out_of_memory",)
    assert report.mem_info is not None
    assert report.mem_info.zones[0].blocks[4].letters == "R"


def test_a_slab_failure_of_one_cgroup_is_not_the_hosts() -> None:
    text = "SLUB: Unable to allocate memory on node -1 (gfp=0x20)\n  cache: kmalloc-1024(1793:9d7bb5), object size: 1024, buffer size: 1024, default order: 3, min order: 0"

    assert the_event(SlubFailure, dmesg(text)).memcg_cache == "kmalloc-1024(1793:9d7bb5)"


def test_a_kill_by_systemd_oomd_has_no_kernel_report() -> None:
    text = "Nov 24 03:00:12 a systemd-oomd[9]: Killed /user.slice/app-x.scope due to memory pressure for /user.slice/user@1000.service being 51.07% > 50.00% for > 20s with reclaim activity\n"

    reading = read(text)

    assert reading.counts == {"userspace-oom": 1}
    assert isinstance(reading.events[0], UserspaceOomEvent)


def test_a_guest_out_of_puff_ten_times_a_second_is_counted() -> None:
    text = dmesg("\n".join(["virtio_balloon virtio1: Out of puff! Can't get 256 pages"] * 300))

    reading = read(text)

    assert reading.counts == {"balloon": 300}
    assert all(isinstance(event, BalloonEvent) and event.kind == "out-of-puff" for event in reading.events)


def test_a_full_storage_pauses_a_guest() -> None:
    event = the_event(
        QemuEvent, "block I/O error in device 'drive-virtio-disk0': No space left on device (28)\n"
    )

    assert (event.kind, event.errno) == ("paused-io-error", 28)


def test_the_benign_corrected_machine_checks_of_an_erratum_keep_their_status() -> None:
    text = "mce: [Hardware Error]: Machine check events logged\nmce: [Hardware Error]: CPU 1: Machine Check: 0 Bank 0: 90000040000f0005"

    errors = events_of(HardwareError, dmesg(text))

    assert [(error.severity, error.mce_status) for error in errors] == [("corrected", 0x90000040000F0005)]


def test_a_soft_lockup_of_a_vcpu_keeps_its_pid() -> None:
    lockup = the_event(
        Lockup, dmesg("watchdog: BUG: soft lockup - CPU#24 stuck for 26s! [qemu-system-x86:263413]")
    )

    assert (lockup.task.pid, lockup.stuck_s) == (263413, 26)


def test_a_log_that_says_nothing_of_the_death_has_no_event() -> None:
    assert read(syslog("usb 1-1: new device\nbr0: port 2(vnet3) entered disabled state")).events == ()
