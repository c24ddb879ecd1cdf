"""Locks: a second operator is told who is at work; a lock dies with its process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kvmedic.adapters.locks import locked, owners_now
from kvmedic.errors import PreconditionFailedError

HOLDER = """
import sys, time
from pathlib import Path
from kvmedic.adapters.locks import locked
with locked(sys.argv[2].split(), sys.argv[4], Path(sys.argv[1]), shared=sys.argv[3].split()):
    print("held", flush=True)
    time.sleep(60)
"""


@contextmanager
def other_operator(folder: Path, names: str, shared: str = "") -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder), names, shared, "ann, run run-7"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def test_a_second_operator_is_told_who_is_at_work(tmp_path: Path) -> None:
    with (
        other_operator(tmp_path, "domain-u-1"),
        pytest.raises(PreconditionFailedError, match=r"domain-u-1 is being worked on by ann, run run-7"),
        locked(["domain-u-1"], "bob", tmp_path),
    ):
        pass


def test_other_domains_of_the_host_may_be_worked_on_at_the_same_time(tmp_path: Path) -> None:
    with (
        other_operator(tmp_path, "domain-u-1", shared="host"),
        locked(["domain-u-2"], "bob", tmp_path, shared=["host"]),
    ):
        pass


def test_the_host_as_a_whole_is_held_alone(tmp_path: Path) -> None:
    with (
        other_operator(tmp_path, "domain-u-1", shared="host"),
        pytest.raises(PreconditionFailedError, match="host is being worked on by ann"),
        locked(["host"], "bob", tmp_path),
    ):
        pass


def test_none_is_kept_where_one_is_taken(tmp_path: Path) -> None:
    with other_operator(tmp_path, "b"):
        with pytest.raises(PreconditionFailedError), locked(["a", "b"], "bob", tmp_path):
            pass
        with locked(["a"], "cid", tmp_path):
            pass


def test_a_lock_dies_with_its_process(tmp_path: Path) -> None:
    with other_operator(tmp_path, "host") as process:
        process.kill()
        process.wait()
        with locked(["host"], "bob", tmp_path):
            pass


def test_a_folder_that_cannot_be_used_is_a_refusal(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with (
        pytest.raises(PreconditionFailedError, match="nothing was touched"),
        locked(["host"], "bob", tmp_path / "file" / "locks"),
    ):
        pass


def test_who_holds_a_lock_alone_is_seen_without_standing_in_the_way(tmp_path: Path) -> None:
    with other_operator(tmp_path, "domain-1", shared="host"):
        assert owners_now(tmp_path) == ("ann, run run-7",)
    assert owners_now(tmp_path) == ()
    assert owners_now(tmp_path / "none") == ()
