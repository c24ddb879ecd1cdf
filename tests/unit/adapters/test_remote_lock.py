"""The script that holds locks on another host, run by this machine's own shell."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from kvmedic.adapters.host_shell import HostShell
from kvmedic.adapters.remote_lock import HOLD, RemoteLock

HELD = f"held {Path('/proc/sys/kernel/random/boot_id').read_text().strip()}"


def holder(folder: Path, owner: str, *names: str) -> subprocess.Popen[str]:
    """The script with its folder elsewhere."""
    script = HOLD.replace("/run/kvmedic/locks", str(folder))
    argv = ["sh", "-c", script, "sh", script, owner, "", *names]
    return subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_more_locks_than_a_shell_has_descriptors_are_held_together(tmp_path: Path) -> None:
    names = [f"domain-{number}" for number in range(14)]
    with holder(tmp_path, "alice", *names) as process:
        assert first_line(process) == HELD
        for name in names:
            assert (tmp_path / f"{name}.lock").read_text() == "alice"
            assert subprocess.run(
                ["flock", "-n", str(tmp_path / f"{name}.lock"), "true"], check=False
            ).returncode
        process.communicate("")


def test_a_lock_that_is_taken_names_its_holder_and_lets_the_others_go(tmp_path: Path) -> None:
    with holder(tmp_path, "alice, run run-1", "b") as first:
        assert first_line(first) == HELD
        with holder(tmp_path, "bob", "a", "b", "c") as second:
            assert first_line(second) == "taken b alice, run run-1"
            second.communicate("")
            assert second.returncode == 7
        assert subprocess.run(["flock", "-n", str(tmp_path / "a.lock"), "true"], check=False).returncode == 0
        first.communicate("")
    assert subprocess.run(["flock", "-n", str(tmp_path / "b.lock"), "true"], check=False).returncode == 0


def test_shared_locks_are_shared_and_keep_others_out(tmp_path: Path) -> None:
    with holder(tmp_path, "alice", "shared:host") as first, holder(tmp_path, "bob", "shared:host") as second:
        assert (first_line(first), first_line(second)) == (HELD, HELD)
        with holder(tmp_path, "carol", "host") as third:
            assert first_line(third).startswith("taken host")
            third.communicate("")
        first.communicate("")
        second.communicate("")


@pytest.fixture
def lock() -> Iterator[RemoteLock]:
    """A lock of this host that nobody else has."""
    name = f"test-{uuid.uuid4()}"
    held = RemoteLock(HostShell(None), "alice", [name])
    yield held
    held.let_go()
    Path(f"/run/kvmedic/locks/{name}.lock").unlink()


def cut(held: RemoteLock) -> None:
    """What a reboot there, or a lost network, does to the session."""
    held.process.kill()
    held.process.wait()


def test_a_lock_whose_session_was_lost_is_not_taken_again_in_the_same_boot(lock: RemoteLock) -> None:
    """Somebody else may have held it in between, and done anything."""
    assert lock.is_held()
    cut(lock)
    assert not lock.is_held()
    assert not lock.is_held()


def test_a_lock_that_went_with_a_reboot_is_taken_again(lock: RemoteLock) -> None:
    lock.boot_id = "00000000-an-earlier-boot"
    cut(lock)
    assert lock.is_held()
    assert lock.process.poll() is None
    assert lock.boot_id == HELD.removeprefix("held ")
