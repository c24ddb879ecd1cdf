"""The script that holds locks on another host, run by this machine's own shell."""

from __future__ import annotations

import subprocess
from pathlib import Path

from kvmedic.adapters.remote_lock import HOLD

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
