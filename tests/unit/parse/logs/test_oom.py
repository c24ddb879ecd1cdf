"""OOM reports of old and new kernels, whole, cut short, interleaved, and told by one line only."""
# ruff: noqa: E501 (log lines stand as the kernel prints them)

from __future__ import annotations

import pytest
from log_samples import OOM_3_2_MEMCG, OOM_6_1, dmesg, events_of, read, syslog, the_event

from kvmedic.model.log_event import KernelFault, OomReport


def test_a_global_oom_tells_requester_chosen_and_victim_apart() -> None:
    report = the_event(OomReport, dmesg(OOM_6_1))

    assert report.requester is not None
    assert (report.requester.comm, report.requester.pid, report.requester.cpu) == ("CPU 2/KVM", 4242, 3)
    assert report.chosen is not None
    assert (report.chosen.comm, report.chosen.pid) == ("qemu-system-x86", 4201)
    assert report.chosen_memcg == "/machine.slice/machine-qemu\\x2d3\\x2dweb01.scope/libvirt/emulator"
    (victim,) = report.victims
    assert (victim.pid, victim.comm, victim.uid, victim.is_reaped) == (4201, "qemu-system-x86", 107, True)
    assert victim.anon_rss_bytes == 33604808 << 10
    assert victim.pgtables_bytes == 67584 << 10


def test_a_global_oom_has_its_constraint_masks_and_kind() -> None:
    report = the_event(OomReport, syslog(OOM_6_1))

    assert (report.constraint, report.order, report.is_memcg, report.is_manual) == (
        "CONSTRAINT_NONE",
        0,
        False,
        False,
    )
    assert (report.nodemask, report.cpuset, report.mems_allowed) == (None, "vcpu2", "0-1")
    assert report.gfp is not None
    assert report.gfp.is_movable
    assert report.gfp.can_direct_reclaim
    assert report.is_complete
    assert report.hardware_name == "Dell Inc. PowerEdge R740/0923K0, BIOS 2.19.1 06/04/2023"
    assert report.kernel_release == "6.1.0-18-amd64"
    assert report.call_trace == ("dump_stack_lvl", "dump_header", "oom_kill_process.cold", "out_of_memory")
    assert report.host == "node7"


def test_zones_have_watermarks_and_free_blocks_with_letters() -> None:
    report = the_event(OomReport, dmesg(OOM_6_1))

    assert report.mem_info is not None
    dma, normal = report.mem_info.zones
    assert (dma.node, dma.zone, dma.lowmem_reserve_pages) == (0, "DMA", (0, 1837, 64200, 64200, 64200))
    assert normal.free_bytes == 65010 << 10
    assert normal.min_bytes == 67584 << 10
    assert normal.boost_bytes == 2048 << 10
    assert normal.reserved_highatomic_bytes == 4096 << 10
    assert normal.managed_bytes == 63854592 << 10
    assert normal.other["mlocked"] == 3084 << 10
    assert [(block.order, block.count, block.letters) for block in normal.blocks[:5]] == [
        (0, 4101, "UME"), (1, 2210, "UE"), (2, 1003, "UMEH"), (3, 300, "H"), (4, 0, None),
    ]  # fmt: skip
    assert len(normal.blocks) == 11


def test_the_lines_that_prove_a_report_are_kept_with_their_numbers() -> None:
    lines = OOM_6_1.splitlines()

    report = the_event(OomReport, dmesg(OOM_6_1))

    starts = (
        "CPU 2/KVM invoked",
        "Node 0 Normal free:",
        "Node 0 Normal: ",
        "oom-kill:",
        "Out of memory:",
        "oom_reaper:",
    )
    assert len(report.lines) == len(starts)
    for line, start in zip(report.lines, starts, strict=True):
        assert lines[line.line_number - 1].startswith(start)
        assert line.text.endswith(lines[line.line_number - 1])


def test_counters_nodes_hugepages_and_swap_are_kept() -> None:
    info = the_event(OomReport, dmesg(OOM_6_1)).mem_info

    assert info is not None
    assert (info.pages["slab_unreclaimable"], info.pages["free"], info.pages["sec_pagetables"]) == (
        90112,
        33100,
        2048,
    )
    assert info.nodes[0].sizes_bytes["anon_thp"] == 61341696 << 10
    assert info.nodes[0].is_all_unreclaimable is True
    assert [(pool.size_bytes, pool.total, pool.free) for pool in info.hugepages] == [
        (1 << 30, 16, 4),
        (2 << 20, 0, 0),
    ]
    assert (info.swap_free_bytes, info.swap_total_bytes) == (4 << 10, 8388604 << 10)
    assert (info.ram_pages, info.reserved_pages, info.page_bytes) == (16777117, 287310, 4096)


def test_the_task_table_follows_its_header() -> None:
    report = the_event(OomReport, dmesg(OOM_6_1))

    assert (report.tasks_total, report.qemu_tasks_total) == (3, 2)
    assert [(row.name, row.rss_pages, row.swap_pages) for row in report.tasks] == [
        ("qemu-system-x86", 8401202, 120011), ("CPU 0/KVM", 7401202, 110011), ("systemd-journal", 411, 180),
    ]  # fmt: skip
    assert report.tasks[0].pgtables_bytes == 69206016


def test_newer_columns_of_the_task_table_are_understood() -> None:
    text = OOM_6_1.replace("rss pgtables_bytes", "rss rss_anon rss_file rss_shmem pgtables_bytes")
    text = text.replace("8401202 69206016", "8401202  8401000      200         2 69206016")

    row = the_event(OomReport, dmesg(text)).tasks[0]

    assert (row.rss_anon_pages, row.rss_shmem_pages, row.pgtables_bytes) == (8401000, 2, 69206016)


def test_a_cgroup_oom_of_3_2_names_cgroup_limit_and_victim() -> None:
    report = the_event(OomReport, dmesg(OOM_3_2_MEMCG))

    assert report.is_memcg is True
    assert report.constraint is None
    assert report.memcg is not None
    assert (report.memcg.oom_memcg, report.memcg.task_memcg) == ("/libvirt/qemu/db02", "/libvirt/qemu/db02")
    assert (report.memcg.usage_bytes, report.memcg.limit_bytes, report.memcg.failcnt) == (
        307200 << 10,
        307200 << 10,
        3811,
    )
    (victim,) = report.victims
    assert (victim.pid, victim.comm, victim.score, victim.anon_rss_bytes) == (3100, "kvm", 998, 300000 << 10)
    assert report.kernel_release == "3.2.0-4-amd64"
    assert report.gfp is not None
    assert report.gfp.can_direct_reclaim
    assert report.mem_info is not None
    assert report.mem_info.zones[0].blocks[3].letters is None
    assert report.mem_info.zones[0].is_all_unreclaimable is True
    assert report.tasks[0].rss_pages == 76000


def test_the_constraint_line_alone_decides_the_kind() -> None:
    line = (
        "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=machine-qemu,mems_allowed=0-1,"
        "oom_memcg=/machine.slice/a,b.scope,task_memcg=/machine.slice/a,b.scope/libvirt,task=CPU 0/KVM,pid=77,uid=64055"
    )

    report = the_event(OomReport, dmesg(line))

    assert (report.constraint, report.is_memcg, report.is_complete) == ("CONSTRAINT_MEMCG", True, False)
    assert report.memcg is not None
    assert report.memcg.oom_memcg == "/machine.slice/a,b.scope"
    assert report.memcg.task_memcg == "/machine.slice/a,b.scope/libvirt"
    assert report.chosen is not None
    assert (report.chosen.comm, report.chosen.pid) == ("CPU 0/KVM", 77)


def test_a_numa_bound_oom_has_its_nodemask() -> None:
    line = (
        "oom-kill:constraint=CONSTRAINT_MEMORY_POLICY,nodemask=1,cpuset=emulator,mems_allowed=0-1,global_oom,"
        "task_memcg=/machine,task=qemu-kvm,pid=9,uid=107"
    )

    report = the_event(OomReport, dmesg(line))

    assert (report.constraint, report.nodemask, report.is_memcg) == ("CONSTRAINT_MEMORY_POLICY", "1", False)


def test_order_minus_one_is_a_manual_oom() -> None:
    text = "kworker/0:1 invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=-1, oom_score_adj=0\n"

    report = the_event(
        OomReport, dmesg(text + "Out of memory: Killed process 5 (a) total-vm:1kB, anon-rss:1kB")
    )

    assert report.is_manual
    assert report.victims[0].pid == 5


@pytest.mark.parametrize(
    ("line", "pid", "comm"),
    [
        ("Out of memory: Killed process 123 (qemu).", 123, "qemu"),
        (
            "Killed process 2592, UID 107, (qemu-kvm) total-vm:9kB, anon-rss:8kB, file-rss:1kB",
            2592,
            "qemu-kvm",
        ),
        (
            "Killed process 55 (CPU 0/KVM), UID 64055, total-vm:9kB, anon-rss:8kB, file-rss:1kB",
            55,
            "CPU 0/KVM",
        ),
        (
            "Out of memory (oom_kill_allocating_task): Killed process 9 (we(ird)) total-vm:1kB, anon-rss:1kB",
            9,
            "we(ird)",
        ),
        ("Memory cgroup out of memory: Kill process 8 (kvm) score 9 or sacrifice child", 8, "kvm"),
    ],
)
def test_victims_are_read_in_every_wording(line: str, pid: int, comm: str) -> None:
    (victim,) = the_event(OomReport, dmesg(line)).victims

    assert (victim.pid, victim.comm) == (pid, comm)


def test_nothing_killable_is_told_before_the_panic() -> None:
    text = (
        "sh invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0\n"
        "Mem-Info:\nOut of memory and no killable processes...\n"
        "Kernel panic - not syncing: System is deadlocked on memory"
    )

    reading = read(dmesg(text))

    report = next(event for event in reading.events if isinstance(event, OomReport))
    panic = next(event for event in reading.events if isinstance(event, KernelFault))
    assert report.is_nothing_killable
    assert report.victims == ()
    assert (panic.kind, panic.set_off_by) == ("panic", "no-killable-task")


@pytest.mark.parametrize("cut", range(1, 44, 3))
def test_a_report_cut_anywhere_still_counts(cut: int) -> None:
    lines = OOM_6_1.splitlines()

    for part in (lines[:cut], lines[cut:]):
        reports = events_of(OomReport, dmesg("\n".join(part)))

        assert len(reports) <= 1
    assert len(events_of(OomReport, dmesg("\n".join(lines[:cut])))) == 1
    assert len(events_of(OomReport, dmesg("\n".join(lines[min(cut, 42) :])))) == 1


def test_two_reports_interleaved_by_caller_stay_apart() -> None:
    first = [f"[   10.{i:06d}][  T4242] {line}" for i, line in enumerate(OOM_6_1.splitlines())]
    second = [f"[   10.{i:06d}][  T3100] {line}" for i, line in enumerate(OOM_3_2_MEMCG.splitlines())]
    mixed = [line for pair in zip(first, second, strict=False) for line in pair] + first[len(second) :]

    reports = events_of(OomReport, "\n".join(mixed) + "\n")

    assert sorted(report.victims[0].pid for report in reports) == [3100, 4201]
    assert {report.victims[0].pid: report.is_memcg for report in reports} == {3100: True, 4201: False}


def test_lines_of_other_programs_in_between_do_not_end_a_report() -> None:
    lines = syslog(OOM_6_1).splitlines()
    noise = ["Nov 24 03:00:12 node7 sshd[12]: Connection closed by 10.0.0.1"] * 8
    text = "\n".join(lines[:10] + noise + lines[10:40] + noise + lines[40:]) + "\n"

    report = the_event(OomReport, text)

    assert report.victims[0].pid == 4201
    assert report.tasks_total == 3


def test_the_table_of_unreclaimable_slabs_is_kept_and_does_not_end_the_report() -> None:
    rows = "".join(f"cache-{number:<20} {number}KB {number * 2:>10}KB\n" for number in range(200))
    table = f"Unreclaimable slab info:\nName                      Used          Total\n{rows}kmalloc-2k          900KB    1000000KB\n"
    text = OOM_6_1.replace("Tasks state", table + "Tasks state")

    report = the_event(OomReport, dmesg(text))

    assert report.is_complete
    assert report.mem_info is not None
    slabs = report.mem_info.unreclaimable_slabs_bytes
    assert slabs is not None
    assert len(slabs) == 24
    assert next(iter(slabs.items())) == ("kmalloc-2k", 1000000 << 10)


def test_the_statistics_of_a_cgroup_are_kept_also_on_continuation_lines() -> None:
    text = """\
python3 invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0
memory: usage 30720kB, limit 30720kB, failcnt 77
swap: usage 0kB, limit 9007199254740988kB, failcnt 0
Memory cgroup stats for /m:
anon 30412800
               file 0
               kernel 221184
Tasks state (memory values in pages):
"""

    memcg = the_event(OomReport, dmesg(text)).memcg

    assert memcg is not None
    assert memcg.oom_memcg == "/m"
    assert memcg.stat_bytes == {"anon": 30412800, "file": 0, "kernel": 221184}


def test_a_child_that_was_sacrificed_is_the_victim_and_its_parent_the_choice() -> None:
    text = """\
Out of memory: Kill process 100 (libvirtd) score 500 or sacrifice child
Killed process 101 (qemu-kvm) total-vm:9kB, anon-rss:8kB, file-rss:1kB
"""

    report = the_event(OomReport, dmesg(text))

    assert [(victim.pid, victim.comm) for victim in report.victims] == [(101, "qemu-kvm")]
    assert report.chosen is not None
    assert (report.chosen.pid, report.chosen.comm) == (100, "libvirtd")


def test_a_whole_cgroup_that_is_killed_has_several_victims() -> None:
    text = """\
Memory cgroup out of memory: Killed process 100 (qemu-kvm) total-vm:9kB, anon-rss:8kB, file-rss:1kB
Tasks in /machine.slice/a.scope are going to be killed due to memory.oom.group set
Memory cgroup out of memory: Killed process 101 (swtpm) total-vm:9kB, anon-rss:1kB, file-rss:1kB
"""

    assert [victim.pid for victim in the_event(OomReport, dmesg(text)).victims] == [100, 101]


def test_a_header_behind_another_message_on_the_same_line_of_a_console_is_read() -> None:
    text = "[   12.300000] usb 1-1: reset[   12.400000] CPU 0/KVM invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0\n"

    requester = the_event(OomReport, text).requester

    assert requester is not None
    assert requester.comm == "CPU 0/KVM"


KILL_ONLY = (
    "kernel: Out of memory: Killed process {pid} (qemu-system-x86) total-vm:9kB, anon-rss:8kB, file-rss:1kB\n"
)


def test_lone_kill_lines_days_apart_are_two_kills_also_without_printks_clock() -> None:
    text = (
        f"Nov 21 03:00:12 node7 {KILL_ONLY.format(pid=4201)}Nov 24 03:00:12 node7 {KILL_ONLY.format(pid=77)}"
    )

    reports = events_of(OomReport, text)

    assert [victim.pid for report in reports for victim in report.victims] == [4201, 77]
    assert len(reports) == 2


def test_lone_kill_lines_that_syslog_wrote_seconds_apart_are_one_run_of_the_killer() -> None:
    text = (
        f"Nov 24 03:00:12 node7 {KILL_ONLY.format(pid=4201)}Nov 24 03:00:50 node7 {KILL_ONLY.format(pid=77)}"
    )

    assert [victim.pid for victim in the_event(OomReport, text).victims] == [4201, 77]
