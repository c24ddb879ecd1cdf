"""What QEMU and libvirt say: deaths, failed starts, pauses, and daemons that hang."""
# ruff: noqa: E501 (log lines stand as the kernel prints them)

from __future__ import annotations

import pytest
from log_samples import dmesg, events_of, read, the_event

from kvmedic.model.log_event import LibvirtEvent, LimitHit, QemuEvent

DOMAIN_LOG = "/var/log/libvirt/qemu/web01.log"


def test_a_domain_log_tells_start_kill_and_end() -> None:
    text = """\
2026-11-24 02:00:00.123+0000: starting up libvirt version: 9.0.0, package: 9.0.0-4 (Debian), qemu version: 7.2.9, kernel: 6.1.0, hostname: node7
LC_ALL=C PATH=/usr/bin QEMU_AUDIO_DRV=none /usr/bin/qemu-system-x86_64 -name guest=web01
2026-11-24T03:00:12.123456Z qemu-system-x86_64: terminating on signal 15 from pid 981 (/usr/sbin/libvirtd)
2026-11-24 03:00:12.523+0000: shutting down, reason=destroyed
"""

    start, signal, end = events_of(QemuEvent, text, source=DOMAIN_LOG)

    assert {start.domain, signal.domain, end.domain} == {"web01"}
    assert (start.kind, signal.kind, end.kind) == ("started", "signalled", "stopped")
    assert (signal.signal, signal.sender_pid, signal.sender) == (15, 981, "/usr/sbin/libvirtd")
    assert end.reason == "destroyed"
    assert start.at.is_zone_known
    assert start.at.wall_s is not None
    assert end.at.wall_s is not None
    assert end.at.wall_s - start.at.wall_s == pytest.approx(3612.4)


@pytest.mark.parametrize(
    ("line", "failure", "errno"),
    [
        ("ioctl(KVM_CREATE_VM) failed: 12 Cannot allocate memory", "kvm-create-vm", 12),
        (
            "qemu-system-x86_64: kvm_init_vcpu: kvm_get_vcpu failed (3): Cannot allocate memory",
            "kvm-create-vcpu",
            12,
        ),
        ("kvm_init_vcpu failed: Cannot allocate memory", "kvm-create-vcpu", 12),
        ("qemu-kvm: unable to map backing store for guest RAM: Cannot allocate memory", "backing-store", 12),
        (
            "os_mem_prealloc: Insufficient free host memory pages available to allocate guest RAM",
            "hugepages",
            None,
        ),
        (
            "qemu: qemu_prealloc_mem: preallocating memory failed: insufficient free host memory pages",
            "hugepages",
            None,
        ),
        (
            "qemu-system-x86_64: cannot set up guest memory 'pc.ram': Cannot allocate memory",
            "guest-memory",
            12,
        ),
        ("qemu-system-x86_64: failed to initialize kvm: Permission denied", "kvm-init", 13),
    ],
)
def test_failed_starts_look_alike_and_are_told_apart(line: str, failure: str, errno: int | None) -> None:
    event = the_event(QemuEvent, f"2026-11-24T03:00:12.123456Z {line}\n", source=DOMAIN_LOG)

    assert (event.kind, event.failure, event.errno) == ("start-failed", failure, errno)


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("KVM internal error. Suberror: 1", "kvm-internal-error"),
        ("KVM: entry failed, hardware error 0x80000021", "kvm-internal-error"),
        ("error: kvm run failed Bad address", "vcpu-error"),
        (
            "qemu-system-x86_64: ../hw/scsi/scsi-bus.c:392: scsi_dma_restart: Assertion `s->running' failed.",
            "assertion",
        ),
        (
            "**\nERROR:../block/block-backend.c:1298:blk_wait: assertion failed: (blk->in_flight > 0)".replace(
                "\n", " "
            ),
            "assertion",
        ),
        ("block I/O error in device 'drive-virtio-disk0': No space left on device (28)", "paused-io-error"),
    ],
)
def test_crashes_errors_and_pauses(line: str, kind: str) -> None:
    assert the_event(QemuEvent, line + "\n", source=DOMAIN_LOG).kind == kind


def test_a_guest_paused_on_a_full_disk_has_its_errno() -> None:
    event = the_event(
        QemuEvent, "block I/O error in device 'drive-virtio-disk0': No space left on device (28)\n"
    )

    assert event.errno == 28


def test_a_segfault_of_qemu_is_told_by_the_kernel() -> None:
    event = the_event(
        QemuEvent,
        dmesg("qemu-system-x86[912]: segfault at 0 ip 00005 sp 00007 error 4 in qemu-system-x86_64[55+1]"),
    )

    assert (event.kind, event.comm, event.pid, event.signal) == ("segfault", "qemu-system-x86", 912, 11)


def test_assertions_of_other_programs_are_not_ours() -> None:
    assert read("Nov 24 03:00:12 a gnome-shell[7]: shell.c:12: main: Assertion `x' failed.\n").events == ()


def test_segfaults_of_other_programs_are_not_ours() -> None:
    assert (
        read(dmesg("firefox[912]: segfault at 0 ip 00005 sp 00007 error 4 in libxul.so[55+1]")).events == ()
    )


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (
            "Timed out during operation: cannot acquire state change lock (held by monitor=remoteDispatchDomainGetBlockInfo)",
            "state-lock-timeout",
        ),
        (
            "Cannot start job (query, none, none) for domain web01; current job is (modify, none, none) owned by (12 remoteDispatch, 0 <null>)",
            "state-lock-timeout",
        ),
        ("internal error: End of file from qemu monitor", "monitor-lost"),
        ("Unable to read from monitor: Connection reset by peer", "monitor-lost"),
        (
            "internal error: process exited while connecting to monitor: 2026-11-24T03:00:12Z qemu",
            "qemu-exited",
        ),
        ("internal error: qemu unexpectedly closed the monitor", "qemu-exited"),
        ("internal error: connection closed due to keepalive timeout", "qemu-exited"),
        ("Too many active clients (5000), dropping connection from 127.0.0.1", "clients-limit"),
    ],
)
def test_libvirt_speaks_in_the_journal_and_in_its_own_log(message: str, kind: str) -> None:
    own = f"2026-11-24 03:00:12.123+0000: 1234: error : qemuDomainObjBeginJobInternal:5000 : {message}\n"
    journal = f"Nov 24 03:00:12 node7 libvirtd[1234]: {message}\n"

    assert the_event(LibvirtEvent, own, source="libvirtd.log").kind == kind
    assert the_event(LibvirtEvent, journal).kind == kind


def test_the_holder_of_a_domains_lock_is_named() -> None:
    text = "Nov 24 03:00:12 node7 libvirtd[9]: Cannot start job (query, none, none) for domain web01; current job is (modify, none, none) owned by (12 x)\n"

    event = the_event(LibvirtEvent, text)

    assert (event.domain, event.holder) == ("web01", "modify, none, none")


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("2026-11-24T03:00:12.1Z qemu-system-x86_64: -drive file=rbd:x: Too many open files", "open-files"),
        (
            "2026-11-24T03:00:12.1Z qemu-system-x86_64: failed to setup linux aio context: io_setup: Resource temporarily unavailable",
            "aio",
        ),
        ("[12.000001] cgroup: fork rejected by pids controller in /machine.slice/machine-qemu.scope", "pids"),
        ("[12.000001] nf_conntrack: nf_conntrack: table full, dropping packet", "conntrack"),
        ("Nov 24 03:00:12 node7 libvirtd[9]: cannot limit locked memory: RLIMIT_MEMLOCK exceeded", "memlock"),
        (
            "2026-11-24T03:00:12.1Z qemu-system-x86_64: VFIO_MAP_DMA failed: No space left on device",
            "vfio-dma",
        ),
    ],
)
def test_limits_are_told_from_memory(line: str, kind: str) -> None:
    kinds = [event.kind for event in events_of(LimitHit, line + "\n")]

    assert kinds == [kind]


def test_a_daemon_that_died_is_not_a_qemu_that_exited() -> None:
    line = "Nov 24 03:00:12 node7 systemd[1]: libvirtd.service: Main process exited, code=killed, status=9/KILL\n"

    event = the_event(LibvirtEvent, line)

    assert (event.kind, event.holder) == ("service-failed", "Main process exited, code=killed, status=9/KILL")
