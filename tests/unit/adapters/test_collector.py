"""The collector: one script, plain POSIX, complete, and short enough to be read."""

from __future__ import annotations

import re
import subprocess

import pytest

from kvmedic.adapters.collector import collector_script
from kvmedic.model.reading_list import AGAIN, CGROUP, DAEMONS, HOST
from kvmedic.parse.known_safe import is_reduced


@pytest.mark.parametrize("shell", ["dash", "busybox sh", "bash --posix"])
def test_every_shell_understands_it(shell: str) -> None:
    subprocess.run([*shell.split(), "-n"], input=collector_script().encode(), check=True, timeout=10)


def test_no_placeholder_is_left() -> None:
    assert not re.search(r"@[A-Z_]+@", collector_script())


def test_it_names_everything_on_the_reading_list() -> None:
    words = set(re.split(r"[\s']+", collector_script()))
    named = {pattern for pattern in HOST if not is_reduced(pattern)}
    assert named | set(AGAIN) | set(CGROUP) | DAEMONS <= words


def test_it_is_short_enough_to_be_read_in_ten_minutes() -> None:
    lines = collector_script().splitlines()
    assert len(lines) < 400
    assert max(map(len, lines)) < 240


def test_it_never_writes_outside_its_own_folder() -> None:
    """Every redirection goes to a variable of ours, to /dev/null, or to its own oom_score_adj."""
    code = "\n".join(line for line in collector_script().splitlines() if not line.lstrip().startswith("#"))
    allowed = (
        "/dev/null",
        "&1",
        "&2",
        '"$out',
        '"$work',
        '"$kinds"',
        '"$sleepers"',
        '"$to"',
        "/proc/$$/oom_score_adj",
    )
    targets = re.findall(r"(?<![-=$0-9a-z])2?>>? ?(\S+)", re.sub(r"'[^']*'", "''", code))
    assert targets
    assert [target for target in targets if not target.startswith(allowed)] == []


@pytest.mark.parametrize(
    "arguments",
    [["--unknown"], ["--interval", "1; reboot"], ["--interval", ""]],
    ids=["option", "command", "empty"],
)
def test_what_it_does_not_know_it_refuses(arguments: list[str]) -> None:
    ended = subprocess.run(
        ["sh", "-s", "--", *arguments],
        input=collector_script().encode(),
        capture_output=True,
        check=False,
        timeout=10,
    )
    assert ended.returncode == 2
    assert b"collector: " in ended.stderr
    assert ended.stdout == b""
