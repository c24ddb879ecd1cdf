"""The reader of libvirt on the test driver, on a socket that never answers, and on a private libvirtd."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kvmedic.adapters import libvirt_reader, libvirt_virsh
from kvmedic.adapters.libvirt_reader import STATE, read_libvirt
from kvmedic.adapters.libvirt_virsh import read_with_virsh
from kvmedic.lab.bed import Bed
from kvmedic.lab.domain_xml import GuestWish
from kvmedic.lab.guest import Guest, start_guest
from kvmedic.lab.libvirt_host import LibvirtHost
from kvmedic.model.gap import Missing, Reason
from kvmedic.parse.domain_xml import parse_domain_xml
from kvmedic.parse.dominfo import parse_dominfo
from kvmedic.parse.domstats import parse_domain_list, parse_domstats
from kvmedic.parse.status_xml import parse_status_xml

TEST_DRIVER = "test:///default"
VIRSH = "sos_commands/virsh/virsh_-r_"
READ = """
import json, sys, time
from kvmedic.adapters.libvirt_reader import read_libvirt
started = time.monotonic()
files = read_libvirt(float(sys.argv[1]))
took = time.monotonic() - started
texts = {path: str(data) if not isinstance(data, bytes) else data.decode() for path, data in files.items()}
print(json.dumps([took, texts]))
"""


def text_of(files: dict[str, bytes | Missing], path: str) -> str:
    """A file that must be there."""
    data = files[path]
    assert isinstance(data, bytes), data
    return data.decode()


def test_every_text_of_the_test_driver_is_understood() -> None:
    files = read_libvirt(10.0, TEST_DRIVER)
    assert text_of(files, STATE).split()[0::2] == ["answers", TEST_DRIVER]
    assert parse_domain_list(text_of(files, f"{VIRSH}list_--all"), "x") == {"test": "running"}
    live = parse_domain_xml(text_of(files, f"{VIRSH}dumpxml_test"), "x")
    assert (live.is_live, live.memory_bytes, live.vcpus) == (True, 8 << 30, 2)
    assert not parse_domain_xml(text_of(files, f"{VIRSH}dumpxml_--inactive_test"), "x").is_live
    info = parse_dominfo(text_of(files, f"{VIRSH}dominfo_test"), "x")
    assert (info.state, info.is_persistent, info.has_managed_save) == ("running", True, False)
    assert parse_domstats(text_of(files, f"{VIRSH}domstats"), "x")["test"]["state.state"] == "1"


def test_what_a_driver_does_not_offer_is_a_gap_and_nothing_else_is_lost() -> None:
    job = read_libvirt(10.0, TEST_DRIVER)[f"{VIRSH}domjobinfo_test"]
    assert isinstance(job, Missing)


def test_virsh_gives_the_same_facts_as_the_binding() -> None:
    by_binding = read_libvirt(10.0, TEST_DRIVER)
    by_virsh = read_with_virsh(time.monotonic() + 10.0, TEST_DRIVER)
    assert text_of(by_virsh, STATE) == text_of(by_binding, STATE)
    for name, parse in ((f"{VIRSH}list_--all", parse_domain_list), (f"{VIRSH}domstats", parse_domstats)):
        assert parse(text_of(by_virsh, name), "x") == parse(text_of(by_binding, name), "x")
    for name in (f"{VIRSH}dumpxml_test", f"{VIRSH}dumpxml_--inactive_test"):
        assert parse_domain_xml(text_of(by_virsh, name), "x") == parse_domain_xml(
            text_of(by_binding, name), "x"
        )
    info = f"{VIRSH}dominfo_test"
    assert parse_dominfo(text_of(by_virsh, info), "x") == parse_dominfo(text_of(by_binding, info), "x")


def test_without_a_binding_virsh_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libvirt_reader, "_pythons", list)
    assert text_of(read_libvirt(10.0, TEST_DRIVER), STATE).startswith("answers ")


def test_without_a_socket_libvirt_is_absent_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(libvirt_reader, "SOCKETS", (str(tmp_path / "none"),))
    started = time.monotonic()
    assert text_of(read_libvirt(3.0), STATE).startswith("absent ")
    assert time.monotonic() - started < 0.1


def test_a_connection_that_is_refused_is_a_gap(tmp_path: Path) -> None:
    state = read_libvirt(5.0, f"qemu+unix:///system?socket={tmp_path}/none")[STATE]
    assert isinstance(state, Missing)
    assert state.reason is Reason.UNREACHABLE


@pytest.fixture(params=["binding", "virsh"])
def each_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the binding, and without a Python that has it."""
    if request.param == "virsh":
        monkeypatch.setattr(libvirt_reader, "_pythons", list)


@contextmanager
def silent_socket(folder: Path) -> Iterator[Path]:
    """A socket that takes connections and never says a word: what a stopped daemon looks like."""
    path = folder / "libvirt-sock-ro"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        yield path


@pytest.mark.usefixtures("each_way")
def test_a_daemon_that_does_not_answer_is_left_at_the_deadline(tmp_path: Path) -> None:
    with silent_socket(tmp_path) as path:
        started = time.monotonic()
        files = read_libvirt(1.0, f"qemu+unix:///system?socket={path}")
        took_s = time.monotonic() - started
    assert 0.9 < took_s < 2.0
    assert text_of(files, STATE).startswith("hung ")
    gap = files["kvmedic/libvirt/answer"]
    assert isinstance(gap, Missing)
    assert gap.reason is Reason.TIMED_OUT
    assert children_of(os.getpid()) == []


def children_of(pid: int) -> list[int]:
    """Processes that were started here and not collected."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in listed.split()]


@pytest.fixture(scope="module")
def host() -> Iterator[LibvirtHost]:
    with Bed() as bed:
        yield LibvirtHost(bed)


@pytest.fixture(scope="module")
def guest(host: LibvirtHost) -> Iterator[Guest]:
    with start_guest(host, "reader", GuestWish(memory_mib=256)) as guest:
        yield guest


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """The process stopped, for as long as it takes."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def read_inside(host: LibvirtHost, deadline_s: float) -> tuple[float, dict[str, str]]:
    """How long the reader took among the sockets of that host, and what it brought (gaps as text)."""
    argv = [*host.command_prefix, sys.executable, "-c", READ, str(deadline_s)]
    done = subprocess.run(argv, capture_output=True, check=True, timeout=60)
    took_s, texts = json.loads(done.stdout)
    return took_s, texts


@pytest.mark.live
def test_a_private_libvirtd_tells_of_its_guest(host: LibvirtHost, guest: Guest) -> None:
    _, files = read_inside(host, 10.0)
    assert files[STATE].startswith("answers ")
    stats = parse_domstats(files[f"{VIRSH}domstats"], "x")[guest.name]
    assert stats["balloon.maximum"] == str(256 * 1024)
    assert files[f"{VIRSH}domjobinfo_{guest.name}"].startswith("Job type:         None")
    assert "KVMEDIC_" not in files[f"{VIRSH}dumpxml_{guest.name}"]


@pytest.mark.live
def test_a_stopped_libvirtd_costs_no_more_than_the_deadline(host: LibvirtHost, guest: Guest) -> None:
    with stopped(host.libvirtd_pid):
        took_s, files = read_inside(host, 2.0)
    assert took_s < 3.0
    assert files[STATE].startswith("hung ")
    record = host.folder / "run" / "qemu" / f"{guest.name}.xml"
    status = parse_status_xml(record.read_text(), "x")
    assert (status.pid, status.definition.memory_bytes) == (guest.pid, 256 << 20)


@pytest.mark.live
def test_a_stopped_qemu_is_not_asked_and_the_others_are_told(host: LibvirtHost, guest: Guest) -> None:
    with stopped(guest.pid):
        took_s, files = read_inside(host, 5.0)
    assert took_s < 2.0
    assert files[STATE].startswith("answers ")
    stats = parse_domstats(files[f"{VIRSH}domstats"], "x")[guest.name]
    assert (stats["state.state"], "balloon.current" in stats) == ("1", False)
    assert "state T" in files[f"{VIRSH}domstats/{guest.name}"]
    assert guest.statistics()["balloon.maximum"] == 256 * 1024


def test_a_virsh_that_is_slow_after_its_first_answer_is_not_called_hung(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = tmp_path / "virsh"
    slow.write_text('#!/bin/sh\ncase "$*" in *list*--name*) sleep 5 ;; *) echo " Id Name State" ;; esac\n')
    slow.chmod(0o755)
    monkeypatch.setattr(libvirt_virsh, "_ENVIRONMENT", {"PATH": f"{tmp_path}:/usr/bin:/bin"})
    found = read_with_virsh(time.monotonic() + 1.5, TEST_DRIVER)
    assert text_of(found, STATE).startswith("answers ")
    assert isinstance(found["kvmedic/libvirt/answer"], Missing)


@pytest.mark.usefixtures("each_way")
def test_a_second_reading_asks_for_the_statistics_alone() -> None:
    files = libvirt_reader.read_statistics(10.0, TEST_DRIVER)
    assert list(files) == [f"{VIRSH}domstats"]
    assert parse_domstats(text_of(files, f"{VIRSH}domstats"), "x")["test"]["state.state"] == "1"


@pytest.mark.usefixtures("each_way")
def test_a_daemon_that_fell_silent_costs_the_second_reading_its_deadline_and_no_more(tmp_path: Path) -> None:
    with silent_socket(tmp_path) as path:
        started = time.monotonic()
        files = libvirt_reader.read_statistics(0.5, f"qemu+unix:///system?socket={path}")
        took_s = time.monotonic() - started
    assert took_s < 1.5
    gap = files[f"{VIRSH}domstats"]
    assert isinstance(gap, Missing)
    assert gap.reason is Reason.TIMED_OUT
    assert list(files) == [f"{VIRSH}domstats"]
