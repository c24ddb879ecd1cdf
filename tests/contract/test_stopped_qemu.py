"""A real QEMU that is stopped holds nobody up: it is found, read and told apart from its host."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kvmedic.adapters.collector import collector_script
from kvmedic.adapters.live_host import LiveHost
from kvmedic.adapters.targets import open_target
from kvmedic.model.evidence import Evidence
from kvmedic.model.request import CollectRequest

REQUEST = CollectRequest(is_deep=True, interval_s=0.0, page_map="none")
NAME = "kvmedic-test-stopped"
PLANTED = "PLANTED-CONSOLE-WORD"


@pytest.fixture
def qemu() -> Iterator[int]:
    """A QEMU of 64 MiB that never runs its guest, stopped by a signal; ended by its own process id."""
    program = shutil.which("qemu-system-x86_64")
    assert program, "the tests need the package qemu-system-x86"
    words = (
        *(program, "-S", "-name", NAME, "-machine", "q35", "-accel", "tcg", "-m", "64", "-nodefaults"),
        *("-display", "none", "-object", f"secret,id=s0,data={PLANTED}", "-device", "virtio-balloon-pci"),
    )
    process = subprocess.Popen(words)
    try:
        wait_for(process.pid)
        process.send_signal(signal.SIGSTOP)
        yield process.pid
    finally:
        process.kill()
        process.wait(timeout=20)


def wait_for(pid: int) -> None:
    """Until it has replaced the test's own program in its process."""
    for _ in range(200):
        if Path(f"/proc/{pid}/comm").read_text().startswith("qemu-system"):
            return
        time.sleep(0.05)
    pytest.fail("QEMU did not start")


def check(evidence: Evidence, pid: int) -> None:
    arguments = evidence.read(f"kvmedic/process/{pid}/arguments")
    assert isinstance(arguments, bytes)
    words = json.loads(arguments)
    assert words[words.index("-name") + 1] == NAME
    assert words[words.index("-m") + 1] == "size=64"
    assert "driver=virtio-balloon-pci" in words
    assert PLANTED not in arguments.decode()
    status = evidence.read(f"proc/{pid}/status")
    assert isinstance(status, bytes)
    assert b"T (stopped)" in status
    kinds = evidence.read("kvmedic/process/kinds")
    assert isinstance(kinds, bytes)
    assert f"{pid} qemu" in kinds.decode().splitlines()


def test_the_live_host_reads_a_stopped_qemu_in_time(qemu: int) -> None:
    started = time.monotonic()
    evidence = LiveHost().collect(REQUEST, lambda _, __: None)
    assert time.monotonic() - started < 5
    check(evidence, qemu)
    assert isinstance(evidence.read(f"proc/{qemu}/smaps_rollup"), bytes)


def test_the_collector_reads_a_stopped_qemu(qemu: int, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    words = ["sh", "-s", "--", "--interval", "0", str(folder)]
    subprocess.run(words, input=collector_script().encode(), check=True, timeout=60)
    check(open_target(str(folder)).collect(REQUEST, lambda _, __: None), qemu)
