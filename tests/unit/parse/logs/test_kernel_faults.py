"""Hung tasks, lockups, RCU stalls, panics and what set them off."""
# ruff: noqa: E501 (log lines stand as the kernel prints them)

from __future__ import annotations

import pytest
from log_samples import dmesg, events_of, read, the_event

from kvmedic.model.log_event import HungTask, KernelFault, Lockup

HUNG = """\
INFO: task CPU 1/KVM:2345 blocked for more than 120 seconds.
      Not tainted 5.10.0-28-amd64 #1 Debian 5.10.209-2
"echo 0 > /proc/sys/kernel/hung_task_timeout_secs" disables this message.
task:CPU 1/KVM       state:D stack:    0 pid: 2345 ppid:     1 flags:0x00004320
Call Trace:
 __schedule+0x282/0x870
 rwsem_down_read_slowpath+0x1b7/0x4b0
"""


def test_a_hung_vcpu_has_task_time_and_stack() -> None:
    hung = the_event(HungTask, dmesg(HUNG))

    assert (hung.task.comm, hung.task.pid, hung.blocked_s) == ("CPU 1/KVM", 2345, 120)
    assert hung.call_trace == ("__schedule", "rwsem_down_read_slowpath")
    assert hung.kernel_release == "5.10.0-28-amd64"


def test_several_hung_tasks_are_several_events() -> None:
    text = HUNG + HUNG.replace("CPU 1/KVM:2345", "jbd2/sda1-8:245").replace("120 s", "241 s")

    hung = events_of(HungTask, dmesg(text))

    assert [(task.task.comm, task.task.pid, task.blocked_s) for task in hung] == [
        ("CPU 1/KVM", 2345, 120), ("jbd2/sda1-8", 245, 241),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "header",
    [
        "INFO: task khugepaged:77 blocked for more than 122 seconds.",
        "task khugepaged:77 blocked in I/O wait for more than 122 seconds.",
        "INFO: task khugepaged:77 blocked on a mutex for more than 122 seconds.",
    ],
)
def test_wordings_of_hung_tasks(header: str) -> None:
    hung = the_event(HungTask, dmesg(header))

    assert (hung.task.comm, hung.task.pid, hung.blocked_s) == ("khugepaged", 77, 122)


def test_the_holder_of_the_lock_is_named_by_new_kernels() -> None:
    text = HUNG + "INFO: task CPU 1/KVM:2345 is blocked on a mutex likely owned by task kworker/u8:1:61.\n"

    blocker = the_event(HungTask, dmesg(text)).blocker

    assert blocker is not None
    assert (blocker.comm, blocker.pid) == ("kworker/u8:1", 61)


def test_a_soft_lockup_names_cpu_task_and_instruction() -> None:
    text = """\
watchdog: BUG: soft lockup - CPU#24 stuck for 26s! [qemu-system-x86:263413]
Modules linked in: kvm_amd kvm
CPU: 24 PID: 263413 Comm: qemu-system-x86 Tainted: G           O       6.1.0 #1
Hardware name: GIGABYTE G242/MZ12, BIOS F12 01/01/2021
RIP: 0010:smp_call_function_many_cond+0x12c/0x2e0
Call Trace:
 on_each_cpu_cond_mask+0x25/0x40
"""

    lockup = the_event(Lockup, dmesg(text))

    assert (lockup.kind, lockup.cpus, lockup.stuck_s) == ("soft", (24,), 26)
    assert (lockup.task.comm, lockup.task.pid) == ("qemu-system-x86", 263413)
    assert lockup.instruction == "smp_call_function_many_cond"
    assert lockup.hardware_name == "GIGABYTE G242/MZ12, BIOS F12 01/01/2021"


@pytest.mark.parametrize(
    ("header", "kind", "cpus"),
    [
        ("NMI watchdog: Watchdog detected hard LOCKUP on cpu 3", "hard", (3,)),
        ("Watchdog detected hard LOCKUP on cpu 11", "hard", (11,)),
        ("watchdog: Watchdog detected hard LOCKUP on cpu 0", "hard", (0,)),
        ("BUG: soft lockup - CPU#7 stuck for 67s! [kvm:992]", "soft", (7,)),
        ("INFO: rcu_sched self-detected stall on CPU { 5}  (t=15000 jiffies g=1 c=0 q=0)", "rcu", (5,)),
        ("INFO: rcu_sched_state detected stall on CPU 2 (t=15000 jiffies)", "rcu", (2,)),
    ],
)
def test_lockups_of_all_kinds(header: str, kind: str, cpus: tuple[int, ...]) -> None:
    lockup = the_event(Lockup, dmesg(header))

    assert (lockup.kind, lockup.cpus) == (kind, cpus)


def test_an_rcu_stall_collects_the_cpus_of_its_rows() -> None:
    text = """\
rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:
rcu:     3-...0: (1 GPs behind) idle=1a/1/0x4 softirq=1/2 fqs=2623
rcu:     9-....: (5249 ticks this GP) idle=1a/1/0x4 softirq=1/2 fqs=2623
rcu:     (detected by 1, t=5252 jiffies, g=1, q=2 ncpus=16)
"""

    lockup = the_event(Lockup, dmesg(text))

    assert (lockup.kind, lockup.cpus) == ("rcu", (3, 9))


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        ("Out of memory: system-wide panic_on_oom is enabled", "oom"),
        ("Out of memory: compulsory panic_on_oom is enabled", "oom"),
        ("out of memory. panic_on_oom is selected", "oom"),
        ("System is deadlocked on memory", "no-killable-task"),
        ("Out of memory and no killable processes...", "no-killable-task"),
        ("hung_task: blocked tasks", "hung-task"),
        ("softlockup: hung tasks", "soft-lockup"),
        ("Hard LOCKUP", "hard-lockup"),
        ("RCU Stall", "rcu-stall"),
        ("panic_on_warn set ...", "warning"),
        ("kernel: panic_on_warn set (warn_limit 0)", "warning"),
        ("Fatal machine check on current CPU", "machine-check"),
        ("NMI: Not continuing", "nmi"),
        ("sysrq triggered crash", "sysrq"),
        ("Fatal exception in interrupt", "oops"),
        ("Attempted to kill init! exitcode=0x0000000b", "init-died"),
        ("VFS: Unable to mount root fs on unknown-block(0,0)", "mount"),
        ("something new", "other"),
    ],
)
def test_what_set_off_a_panic_is_told_by_its_words(reason: str, cause: str) -> None:
    text = f"Kernel panic - not syncing: {reason}\nCPU: 0 PID: 1 Comm: init Not tainted 6.12.1 #1\n---[ end Kernel panic - not syncing: {reason} ]---"

    panic = the_event(KernelFault, dmesg(text))

    assert (panic.kind, panic.reason, panic.set_off_by) == ("panic", reason, cause)


def test_an_oops_and_its_panic_are_two_events() -> None:
    text = """\
BUG: kernel NULL pointer dereference, address: 0000000000000010
#PF: supervisor read access in kernel mode
#PF: error_code(0x0000) - not-present page
PGD 0 P4D 0
Oops: 0000 [#1] PREEMPT SMP NOPTI
CPU: 2 PID: 88 Comm: kworker/2:1 Tainted: P           OE     6.8.12-4-pve #1
RIP: 0010:vhost_worker+0x77/0xd0 [vhost]
Call Trace:
 kthread+0xf2/0x120
---[ end trace 0000000000000000 ]---
Kernel panic - not syncing: Fatal exception
"""

    bug, panic = events_of(KernelFault, dmesg(text))

    assert (bug.kind, bug.instruction, bug.is_tainted, bug.kernel_release) == (
        "bug",
        "vhost_worker",
        True,
        "6.8.12-4-pve",
    )
    assert (panic.kind, panic.set_off_by) == ("panic", "oops")


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("kernel BUG at mm/huge_memory.c:2601!", "bug"),
        ("BUG: unable to handle page fault for address: ffffb1", "bug"),
        ("BUG: unable to handle kernel paging request at ffff88", "bug"),
        ("general protection fault, probably for non-canonical address 0xdead: 0000 [#1] SMP", "gpf"),
        ("Internal error: Oops: 96000004 [#1] SMP", "oops"),
        ("WARNING: CPU: 3 PID: 12 at arch/x86/kvm/mmu.c:41 kvm_mmu_x+0x1/0x2 [kvm]", "warning"),
        ("BUG: scheduling while atomic: CPU 0/KVM/12/0x00000002", "bug"),
    ],
)
def test_faults_have_their_kind(line: str, kind: str) -> None:
    assert the_event(KernelFault, dmesg(line)).kind == kind


def test_a_user_programs_fault_is_not_the_kernels() -> None:
    reading = read(dmesg("traps: firefox[812] general protection fault ip:55 sp:7f error:0 in libxul.so"))

    assert reading.events == ()
