# ruff: noqa: E501  log lines stay in one piece
"""Words of iSCSI, Fibre Channel, Ceph, SMB, Btrfs, thin pools, XFS and of what keeps cores."""

from __future__ import annotations

import pytest
from log_samples import dmesg, events_of, read, the_event

from kvmedic.model.log_event import (
    HardwareError,
    KernelFault,
    LimitHit,
    OomReport,
    PageAllocationFailure,
    QemuEvent,
    StorageError,
)


@pytest.mark.parametrize(
    ("line", "kind", "device"),
    [
        (" session4: session recovery timed out after 120 secs", "device-offline", "session4"),
        (" connection4:0: detected conn error (1022)", "path-failed", "connection4"),
        (" connection4:0: ping timeout of 5 secs expired, recv timeout 5, last rx 1, last ping 2, now 3", "path-failed", "connection4"),
        (" rport-4:0-2: blocked FC remote port time out: removing target and saving binding", "path-failed", "rport-4:0-2"),
        ("sd 5:0:0:0: Device offlined - not ready after error recovery", "device-offline", "5:0:0:0"),
        ("ata3.00: failed command: READ FPDMA QUEUED", "command-timeout", "ata3.00"),
        ("nvme nvme0: I/O tag 123 (1234) opcode 0x1 (I/O Cmd) QID 5 timeout, aborting req_op:WRITE(1) size:4096", "command-timeout", "nvme0"),
        ("libceph: mon0 (1)10.0.0.7:6789 session lost, hunting for new mon", "path-failed", "mon0"),
        ("ceph: mds0 hung", "nfs-not-responding", "mds0"),
        ("CIFS: VFS: \\\\filer02 has not responded in 180 seconds. Reconnecting...", "nfs-not-responding", "\\\\filer02"),
        ("Aborting journal on device dm-7-8.", "filesystem-error", "dm-7-8"),
        ("BTRFS: error (device sdb1: state A) in btrfs_run_delayed_refs:2187: errno=-28 No space left", "no-space", "sdb1"),
        ("BTRFS info (device sdb1): forced readonly", "remounted-read-only", "sdb1"),
        ("device-mapper: thin: 253:4: switching pool to out-of-data-space (queue IO) mode", "no-space", "253:4"),
    ],
)  # fmt: skip
def test_storage_is_told_with_its_device(line: str, kind: str, device: str) -> None:
    told = the_event(StorageError, dmesg(line))

    assert (told.kind, told.device) == (kind, device)


@pytest.mark.parametrize(
    ("line", "order", "comm"),
    [
        ("XFS: possible memory allocation deadlock in kmem_alloc (mode:0x250)", None, "XFS"),
        ("XFS: fio(77) possible memory allocation deadlock size 65552 in kmem_realloc (mode:0x2400240)", 5, "fio"),
        ("XFS: fio(77) possible memory allocation deadlock size 65536 in kmem_alloc (mode:0x2400240)", 4, "fio"),
        ("XFS: fio(77) possible memory allocation deadlock size 4096 in kmem_alloc (mode:0x2400240)", 0, "fio"),
    ],
)  # fmt: skip
def test_xfs_that_asks_without_end_is_a_refused_request(line: str, order: int | None, comm: str) -> None:
    told = the_event(PageAllocationFailure, dmesg(line))

    assert (told.order, told.requester.comm) == (order, comm)


@pytest.mark.parametrize(
    ("line", "signal", "kind"),
    [
        ("systemd-coredump[77]: Process 4412 (qemu-system-x86) of user 64055 dumped core.", None, "segfault"),
        ("systemd-coredump[77]: Process 4412 (qemu-system-x86) of user 0 terminated abnormally with signal 6/ABRT, processing...", 6, "assertion"),
        ("abrt-hook-ccpp[77]: Process 4412 (qemu-kvm) of user 107 killed by SIGSEGV - dumping core", 11, "segfault"),
    ],
)  # fmt: skip
def test_a_kept_core_tells_of_the_crash(line: str, signal: int | None, kind: str) -> None:
    told = the_event(QemuEvent, f"Nov 24 03:00:12 node7 {line}\n")

    assert (told.pid, told.signal, told.kind) == (4412, signal, kind)


def test_the_loss_of_a_guests_page_is_told_by_qemu() -> None:
    injected, ended = events_of(
        HardwareError,
        "2026-11-24T03:00:00.9Z qemu-kvm: warning: Guest MCE Memory Error at QEMU addr 0x7f1a30000000 and GUEST addr 0x3000000 of type BUS_MCEERR_AR injected\n"
        "Hardware memory error!\n",
    )

    assert injected.killed is None
    assert ended.killed is not None


def test_a_unit_that_lost_a_process_is_named() -> None:
    told = the_event(
        OomReport,
        "Nov 24 03:00:12 node7 systemd[1]: machine-qemu\\x2d3\\x2dweb01.scope: A process of this unit has been killed by the OOM killer.\n",
    )

    assert told.chosen_memcg == "/machine-qemu\\x2d3\\x2dweb01.scope"
    assert not told.is_complete


def test_line_ends_that_rsyslog_escaped_part_the_counters() -> None:
    told = the_event(
        OomReport,
        "Nov 24 03:00:12 node7 kernel: a invoked oom-killer: gfp_mask=0x6280ca(GFP_HIGHUSER_MOVABLE|__GFP_ZERO), order=0, oom_score_adj=0\n"
        "Nov 24 03:00:12 node7 kernel: active_anon:5 inactive_anon:6 isolated_anon:0#012 slab_reclaimable:20 slab_unreclaimable:900#012 free:24 free_pcp:2 free_cma:0\n",
    )

    assert told.mem_info is not None
    assert (told.mem_info.pages["slab_unreclaimable"], told.mem_info.pages["free"]) == (900, 24)


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("segment-related general protection fault: beec [#2] PREEMPT SMP KASAN PTI", "gpf"),
        ("PANIC: double fault, error_code: 0x0", "oops"),
        ("divide error: 0000 [#1] PREEMPT SMP NOPTI", "oops"),
        ("stack segment: 0000 [#1] SMP", "oops"),
        ("invalid opcode: 0000 [#1] SMP", "oops"),
        ("Internal error: synchronous external abort: 96000010 [#1] PREEMPT SMP", "oops"),
        ("Internal error: Oops: 96000004 [#1] SMP", "oops"),
    ],
)
def test_every_fault_that_ends_in_die_is_a_fault(line: str, kind: str) -> None:
    assert the_event(KernelFault, dmesg(line)).kind == kind


@pytest.mark.parametrize(
    "line",
    [
        "traps: gnome-shell[77] general protection fault ip:7f6d sp:7ffd error:0 in libc.so.6",
        "mce: CPU0: Package temperature above threshold, cpu clock throttled (total events = 12)",
    ],
)
def test_a_program_that_faults_and_heat_are_no_faults_of_the_kernel(line: str) -> None:
    assert read(dmesg(line)).events == ()


def test_mcelog_tells_an_uncorrected_error() -> None:
    told = the_event(HardwareError, "Nov 24 03:00:12 node7 mcelog[900]: Uncorrected error\n")

    assert told.severity == "uncorrected"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("vfio_dma_map(0x55, 0x0, 0xa0000, 0x7f) = -12 (Cannot allocate memory)", "memlock"),
        ("VFIO_MAP_DMA failed: Cannot allocate memory", "memlock"),
        ("vfio_dma_map(0x55, 0x0, 0xa0000, 0x7f) = -28 (No space left on device)", "vfio-dma"),
    ],
)
def test_what_vfio_is_refused_names_the_limit(text: str, kind: str) -> None:
    assert the_event(LimitHit, f"qemu-kvm: -device vfio-pci,host=3b:00.0: {text}\n").kind == kind
