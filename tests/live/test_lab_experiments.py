"""Remedies measured for real, and nothing left behind, however a run ends."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest
from tests.live.kvmedic_command import KVMEDIC

from kvmedic.lab.cleanup import remains_of
from kvmedic.lab.ledger import Ledger, all_ledgers
from kvmedic.lab.results import load_results
from kvmedic.units import MIB

pytestmark = pytest.mark.live

HERE = ("lab", "run", "stranded", "--ground", "here", "--among-guests", "--cycles", "1")
KILLS = int(os.environ.get("KVMEDIC_KILLS", "3"))
LATEST_S = 12.0 if KILLS <= 3 else 60.0
"""A whole run takes a minute or two: with many kills, every part of it is hit."""


def start(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [str(KVMEDIC), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "NO_COLOR": "1"},
    )


def beds_of(pid: int) -> list[Ledger]:
    """The beds that a process made (and has not taken away yet)."""
    return [ledger for ledger in all_ledgers() if ledger.entries("bed")[0]["owner"] == pid]


def test_a_release_gives_memory_back_and_a_reboot_of_the_guest_takes_more(tmp_path: Path) -> None:
    remedies = ("--remedy", "release-stranded-memory", "--remedy", "reboot-the-guest")
    with start(*HERE, *remedies, "--save", str(tmp_path), "--json") as command:
        output, said = command.communicate(timeout=500)
    results = {result.remedy: result for result in load_results(tmp_path)}
    released, rebooted = results["release-stranded-memory"], results["reboot-the-guest"]

    assert command.returncode == 0, said
    assert len(json.loads(output)["results"]) == 2
    assert released.found == rebooted.found == ("balloon-stranded-memory",)
    assert released.applied.verdict == "improved"
    assert (released.before.stranded_bytes or 0) > 100 * MIB
    assert (released.given_back_bytes or 0) > 0.9 * (released.before.stranded_bytes or 0)
    assert released.downtime_s < 3
    assert (rebooted.after.stranded_bytes or 0) > 100 * MIB
    assert (rebooted.given_back_bytes or 0) < 32 * MIB
    assert rebooted.downtime_s >= 2  # heard once a second; a small guest boots in three
    assert rebooted.cycles[0].is_back
    assert not beds_of(command.pid)


def test_runs_killed_at_random_moments_leave_nothing_after_clean() -> None:
    moments = random.Random(time.time_ns())
    for _ in range(KILLS):
        with start(*HERE, "--remedy", "do-nothing") as command:
            while not beds_of(command.pid):
                assert command.poll() is None, command.communicate()
                time.sleep(0.02)
            beds = beds_of(command.pid)
            time.sleep(moments.uniform(0.0, LATEST_S))
            command.send_signal(signal.SIGKILL)
            _, said = command.communicate()
        assert command.returncode == -signal.SIGKILL, said
        cleaned = subprocess.run([str(KVMEDIC), "lab", "clean"], capture_output=True, text=True, check=False)

        assert cleaned.returncode == 0, cleaned.stderr
        assert [remains_of(bed) for bed in beds] == [[] for _ in beds], cleaned.stdout


def test_an_interrupted_run_takes_its_bed_away_itself() -> None:
    with start(*HERE, "--remedy", "do-nothing") as command:
        while not (beds := beds_of(command.pid)):
            assert command.poll() is None, command.communicate()
            time.sleep(0.02)
        time.sleep(3)
        command.send_signal(signal.SIGINT)
        command.communicate(timeout=60)

    assert command.returncode != 0
    assert not any(remains_of(bed) for bed in beds)


def beds_of_both(pid: int) -> list[Ledger]:
    """The beds of a run of everything: its own one, and that of the process beside it."""
    while True:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        owners = [pid, *map(int, children)]
        beds = [ledger for ledger in all_ledgers() if ledger.entries("bed")[0]["owner"] in owners]
        if len(beds) == 2:
            return beds
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_of_everything_takes_both_its_hosts_away(number: signal.Signals) -> None:
    with start("lab", "run", "all", "--among-guests") as command:
        beds = beds_of_both(command.pid)
        time.sleep(3)
        command.send_signal(number)
        command.communicate(timeout=60)

    assert command.returncode != 0
    assert [remains_of(bed) for bed in beds] == [[], []]


def test_what_runs_beside_ends_by_itself_when_the_run_of_everything_is_killed() -> None:
    with start("lab", "run", "all", "--among-guests") as command:
        mine, beside = sorted(
            beds_of_both(command.pid), key=lambda bed: bed.entries("bed")[0]["owner"] != command.pid
        )
        time.sleep(3)
        command.send_signal(signal.SIGKILL)
        command.communicate(timeout=60)
    cleaned = subprocess.run([str(KVMEDIC), "lab", "clean"], capture_output=True, text=True, check=False)

    assert cleaned.returncode == 0, cleaned.stderr
    assert [remains_of(bed) for bed in (mine, beside)] == [[], []]


def test_the_lab_refuses_among_guests_of_others_until_told(tmp_path: Path) -> None:
    stranger = tmp_path / "qemu-system-x86_64"
    stranger.write_bytes(Path("/bin/sleep").read_bytes())
    stranger.chmod(0o755)
    guest = subprocess.Popen([str(stranger), "60"])
    try:
        with start("lab", "run", "stranded", "--remedy", "do-nothing") as command:
            _, said = command.communicate(timeout=60)
    finally:
        guest.terminate()
        guest.wait()

    assert command.returncode == 17
    assert "guests run here that the lab did not start" in said


def test_what_would_change_this_machines_kernel_is_refused_here() -> None:
    with start(*HERE[:2], "undone", *HERE[3:], "--remedy", "tune-host") as command:
        _, said = command.communicate(timeout=60)

    assert command.returncode == 2
    assert "would change this machine's own kernel" in said
