"""A libvirtd or a QEMU that hangs: an answer in time, the domains all the same, and the gap named."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from conftest import MEMORY_MIB
from kvmedic_command import domain_of, findings_about, kvmedic_here, report_of

from kvmedic.lab.guest import Guest
from kvmedic.lab.libvirt_host import LibvirtHost

DEADLINE_S = 5.0
PATIENCE_S = 3.5
"""What we wait for those that do not answer, at most."""
MIB = 1 << 20


@contextmanager
def stopped(*pids: int) -> Iterator[None]:
    """The processes stopped; they go on in any case."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def check_timed(host: LibvirtHost) -> tuple[dict[str, Any], float]:
    """The report and the seconds that it took."""
    started = time.monotonic()
    done = kvmedic_here(host, "check", "--json", "--interval", "0.2")
    return report_of(done), time.monotonic() - started


def check_in_time(host: LibvirtHost, usual_s: float) -> dict[str, Any]:
    """The report, in time. The fastest of three counts, and so does what is usual here."""
    for _ in range(3):
        report, took_s = check_timed(host)
        if took_s < max(DEADLINE_S, usual_s + PATIENCE_S):
            return report
    pytest.fail(f"no answer in time: {took_s:.1f} s, usually {usual_s:.1f} s")


@pytest.fixture
def usual_s(libvirt_host: LibvirtHost, contiguous_guest: Guest) -> float:
    """What a check takes here while everything answers."""
    report, took_s = check_timed(libvirt_host)
    assert domain_of(report, contiguous_guest.name)["source"] == "libvirt"
    return took_s


def gaps_about(report: dict[str, Any], word: str) -> list[str]:
    """The gaps that speak of it."""
    return [json.dumps(gap) for gap in report["gaps"] if word in json.dumps(gap)]


def test_a_stopped_libvirtd_is_named_and_hides_no_domain(
    libvirt_host: LibvirtHost, contiguous_guest: Guest, usual_s: float
) -> None:
    with stopped(libvirt_host.libvirtd_pid):
        report = check_in_time(libvirt_host, usual_s)
    domain = domain_of(report, contiguous_guest.name)
    assert domain["is_running"]
    assert domain["source"] == "status-xml"
    assert domain["pid"] == contiguous_guest.pid
    assert domain["memory_max_bytes"] == MEMORY_MIB * MIB
    assert domain["rss_bytes"] > 0
    assert domain["memcg_bytes"] > 0
    assert report["host"]["libvirt"] == "hung"
    assert gaps_about(report, "libvirt")
    (hung,) = (found for found in report["findings"] if found["cause"] == "hypervisor-daemon-hung")
    assert hung["confidence"] > 0.7


@pytest.mark.parametrize("with_libvirtd", [False, True], ids=["qemu alone", "qemu and libvirtd"])
def test_a_stopped_qemu_holds_up_neither_us_nor_its_neighbours(
    libvirt_host: LibvirtHost, contiguous_guest: Guest, usual_s: float, *, with_libvirtd: bool
) -> None:
    stuck = [contiguous_guest.pid] + [libvirt_host.libvirtd_pid] * with_libvirtd
    with stopped(*stuck):
        report = check_in_time(libvirt_host, usual_s)
    domain = domain_of(report, contiguous_guest.name)
    assert domain["is_running"]
    assert domain["pid"] == contiguous_guest.pid
    assert domain["memory_max_bytes"] == MEMORY_MIB * MIB
    assert domain["rss_bytes"] > 0
    found = findings_about(report, contiguous_guest.name)
    assert "guest-paused" in found, "a QEMU that is stopped by a signal is told"
    assert contiguous_guest.agent.ask_or_fail("ping")
