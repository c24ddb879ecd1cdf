"""Fixtures of real guests and hosts, each started at most once a session, and a ledger of the time they took.

A guest that a test changes comes from ``make_guest``; the named ones are shared and must be left as they are.
"""

from __future__ import annotations

import itertools
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from kvmedic.lab.bed import Bed
from kvmedic.lab.domain_xml import Backing, GuestWish
from kvmedic.lab.guest import Guest, GuestHost, start_guest
from kvmedic.lab.libvirt_host import LibvirtHost
from kvmedic.lab.nested_host import NestedHost
from kvmedic.lab.nested_qemu import NestedWish

MEMORY_MIB, PUNCHED_MIB, INFLATED_TO_MIB = 1024, 600, 760
KHUGEPAGED = "/sys/kernel/mm/transparent_hugepage/khugepaged"
KHUGEPAGED_PAUSE_MS = "100000000"
BALLOON_BYTES = (MEMORY_MIB - INFLATED_TO_MIB) << 20

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts its background jobs so; commands that a test interrupts would inherit it and go on.
    signal.signal(signal.SIGINT, signal.default_int_handler)

bed_seconds: defaultdict[str, float] = defaultdict(float)
file_seconds: defaultdict[str, float] = defaultdict(float)
labels = itertools.count(1)

MakeGuest = Callable[..., Guest]


@contextmanager
def timed(name: str) -> Iterator[None]:
    """Count the seconds of a bed in the ledger."""
    started = time.monotonic()
    try:
        yield
    finally:
        bed_seconds[name] += time.monotonic() - started


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Count the seconds of each test file: set-up, call and tear-down."""
    file_seconds[report.location[0]] += report.duration


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the ledger."""
    for title, seconds in (("beds", bed_seconds), ("test files", file_seconds)):
        terminalreporter.section(f"seconds spent on {title}")
        for name, spent in sorted(seconds.items(), key=lambda item: -item[1]):
            terminalreporter.write_line(f"{spent:8.1f}  {name}")


def ready_guest(host: GuestHost, label: str, wish: GuestWish, *, actual_mib: int | None = None) -> Guest:
    """A guest that has carried out its orders and, where asked for, has inflated its balloon."""
    with timed(f"{label} ({'nested' if host.domain_type == 'kvm' else 'here'})"):
        guest = start_guest(host, f"{label}{next(labels)}", wish)
        guest.wait_until_ready(timeout_s=400)
        if actual_mib is not None:
            guest.set_balloon(actual_mib, timeout_s=400)
    return guest


@pytest.fixture(scope="session")
def libvirt_host() -> Iterator[LibvirtHost]:
    """One private libvirtd for the session."""
    with ExitStack() as stack:
        with timed("libvirt host"):
            bed = stack.enter_context(Bed())
            # Guests are shared for many minutes; khugepaged would refill what their balloons took meanwhile.
            # The bed puts it back, also after a kill.
            bed.change_setting(Path(KHUGEPAGED) / "scan_sleep_millisecs", KHUGEPAGED_PAUSE_MS)
            host = LibvirtHost(bed)
        yield host


@pytest.fixture
def make_guest(libvirt_host: LibvirtHost) -> Iterator[MakeGuest]:
    """Makes guests for one test: ``make_guest(orders=("punch 600",), actual_mib=760)``."""
    with ExitStack() as stack:

        def make(*, actual_mib: int | None = None, memory_mib: int = MEMORY_MIB, **wish: Any) -> Guest:
            guest = ready_guest(
                libvirt_host, "own", GuestWish(memory_mib=memory_mib, **wish), actual_mib=actual_mib
            )
            return stack.enter_context(guest)

        yield make


@pytest.fixture(scope="session")
def fragmented_guest(libvirt_host: LibvirtHost) -> Iterator[Guest]:
    """A guest with fragmented memory whose balloon has taken 264 MiB: they are stranded."""
    wish = GuestWish(memory_mib=MEMORY_MIB, orders=(f"punch {PUNCHED_MIB}",))
    with ready_guest(libvirt_host, "fragmented", wish, actual_mib=INFLATED_TO_MIB) as guest:
        yield guest


@pytest.fixture(scope="session")
def contiguous_guest(libvirt_host: LibvirtHost) -> Iterator[Guest]:
    """A guest with tidy memory whose balloon has taken 264 MiB: the host has them back."""
    wish = GuestWish(memory_mib=MEMORY_MIB, orders=("contiguous 700",))
    with ready_guest(libvirt_host, "contiguous", wish, actual_mib=INFLATED_TO_MIB) as guest:
        yield guest


@pytest.fixture(scope="session")
def driverless_guest(libvirt_host: LibvirtHost) -> Iterator[Guest]:
    """A guest that never loads virtio_balloon."""
    with ready_guest(libvirt_host, "driverless", GuestWish(memory_mib=512, has_driver=False)) as guest:
        yield guest


@pytest.fixture(scope="session")
def cached_guest(libvirt_host: LibvirtHost) -> Iterator[Guest]:
    """A fragmented, inflated guest with 150 MiB of the host's file cache in its group."""
    wish = GuestWish(memory_mib=MEMORY_MIB, orders=(f"punch {PUNCHED_MIB}", "cache 150"), disk_mib=300)
    with ready_guest(libvirt_host, "cached", wish, actual_mib=INFLATED_TO_MIB) as guest:
        yield guest


@pytest.fixture(scope="session")
def shared_memory_guest(libvirt_host: LibvirtHost) -> Iterator[Guest]:
    """A fragmented, inflated guest whose RAM is a shared memfd."""
    wish = GuestWish(memory_mib=MEMORY_MIB, orders=(f"punch {PUNCHED_MIB}",), backing=Backing.MEMFD)
    with ready_guest(libvirt_host, "shared-memory", wish, actual_mib=INFLATED_TO_MIB) as guest:
        yield guest


@pytest.fixture(scope="session")
def hugetlb_guest(libvirt_host: LibvirtHost) -> Iterator[Guest]:
    """A guest on hugetlb pages whose balloon has taken 128 of 256 MiB: nothing can come back."""
    host = libvirt_host
    with reserved_huge_pages(host, 256 // 2 + 8):
        wish = GuestWish(memory_mib=256, backing=Backing.HUGETLB)
        with ready_guest(host, "hugetlb", wish, actual_mib=128) as guest:
            yield guest


@contextmanager
def reserved_huge_pages(host: LibvirtHost, count: int) -> Iterator[None]:
    """Huge pages in the host's pool, put back afterwards (and by clean-up, after a kill)."""
    pool = host.huge_page_pool
    before = int(pool.read_text())
    host.bed.change_setting(pool, str(before + count))
    try:
        yield
    finally:
        host.bed.restore_setting(pool)


@pytest.fixture(scope="session")
def nested_host() -> Iterator[NestedHost]:
    """One nested host for the session: kernel of its own, cgroup v2, a disk at /data."""
    with ExitStack() as stack:
        with timed("nested host"):
            host = NestedHost(stack.enter_context(Bed()), NestedWish(data_mib=2048))
            host.wait_until_up()
            # At its defaults khugepaged would undo the balloon while a slow test is still looking.
            host.run_or_fail(f"echo {KHUGEPAGED_PAUSE_MS} > {KHUGEPAGED}/scan_sleep_millisecs")
        yield host


@pytest.fixture(scope="session")
def nested_guest(nested_host: NestedHost) -> Iterator[Guest]:
    """A fragmented, inflated KVM guest inside the nested host."""
    wish = GuestWish(memory_mib=MEMORY_MIB, orders=(f"punch {PUNCHED_MIB}",))
    with ready_guest(nested_host, "fragmented", wish, actual_mib=INFLATED_TO_MIB) as guest:
        yield guest
