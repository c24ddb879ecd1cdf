"""Runs that are killed with -9 at any line, on the real engine: resumed, each step acts once."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kvmedic.adapters.run_store import RunStore
from kvmedic.model.run import Done, RunLine

SCRIPT = Path(__file__).with_name("killed_run.py")
LINES = 8
"""begun, measured, intent 1, done 1, intent 2, done 2, ended, verified."""


def run(folder: Path, cut: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), str(folder), cut], capture_output=True, text=True, check=False
    )


def lines(folder: Path) -> tuple[RunLine, ...]:
    return RunStore(folder / "runs").lines("run-1")


def acts(folder: Path, number: int) -> int:
    path = folder / f"acts-{number}"
    return len(path.read_text()) if path.exists() else 0


def test_an_undisturbed_run_writes_each_line_once(tmp_path: Path) -> None:
    assert run(tmp_path).stdout == "finished"

    assert len(lines(tmp_path)) == LINES
    assert (acts(tmp_path, 1), acts(tmp_path, 2)) == (1, 1)


@pytest.mark.parametrize("cut", [f"{number}{side}" for number in range(1, LINES + 1) for side in "+-"])
def test_killed_at_a_line_and_resumed_each_step_acts_once(tmp_path: Path, cut: str) -> None:
    killed = run(tmp_path, cut)
    resumed = run(tmp_path)

    assert killed.returncode == -signal.SIGKILL
    assert resumed.stdout == "finished", resumed.stderr[-500:]
    assert (acts(tmp_path, 1), acts(tmp_path, 2)) == (1, 1)
    kinds = [type(line).__name__ for line in lines(tmp_path)]
    assert kinds.count("Intent") == kinds.count("Done") == 2
    assert kinds[-2:] == ["RunEnded", "Verified"]


def test_killed_in_the_middle_of_a_step_it_is_looked_at_and_not_repeated(tmp_path: Path) -> None:
    (tmp_path / "kill-in-act").touch()

    killed = run(tmp_path)
    resumed = run(tmp_path)

    assert killed.returncode == -signal.SIGKILL
    assert resumed.stdout == "finished"
    assert acts(tmp_path, 1) == 1


def test_a_step_after_which_contact_was_lost_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "silence").touch()

    assert run(tmp_path).stdout == "finished"
    done = [line for line in lines(tmp_path) if isinstance(line, Done)]
    assert [(entry.outcome, entry.detail) for entry in done] == [("done", "contact was lost")] * 2


def test_a_finished_run_that_is_resumed_does_nothing(tmp_path: Path) -> None:
    run(tmp_path)
    before = lines(tmp_path)

    assert run(tmp_path).stdout == "finished"
    assert lines(tmp_path) == before


def test_listing_runs_restarts_nothing(tmp_path: Path) -> None:
    run(tmp_path, "3+")
    listed = subprocess.run(
        [sys.executable, "-m", "kvmedic", "runs"],
        capture_output=True,
        text=True,
        env={"KVMEDIC_STATE": str(tmp_path), "PATH": "/usr/bin:/bin"},
        check=True,
    )

    assert "run-1  2026-11-24T12:00:00Z  cut        not measured" in listed.stdout
    assert acts(tmp_path, 1) == 0
    assert len(lines(tmp_path)) == 3


def test_a_run_that_is_stopped_stands_before_its_next_step_and_goes_on(tmp_path: Path) -> None:
    run(tmp_path, "4+")
    (tmp_path / "stop").touch()
    stopped = run(tmp_path)
    (tmp_path / "stop").unlink()

    assert "StoppedError" in stopped.stderr
    assert (acts(tmp_path, 1), acts(tmp_path, 2)) == (1, 0)
    assert run(tmp_path).stdout == "finished"
    assert (acts(tmp_path, 1), acts(tmp_path, 2)) == (1, 1)


def test_a_full_disk_below_the_engine_is_said_and_the_run_goes_on_with_room(tiny_disk: Path) -> None:
    stopped = run(tiny_disk)
    subprocess.run(["mount", "-o", "remount,size=8m", str(tiny_disk)], check=True)
    resumed = run(tiny_disk)

    assert "PreconditionFailedError" in stopped.stderr
    assert "database or disk is full; no step was begun" in stopped.stderr
    assert "kvmedic apply --resume run-1" in stopped.stderr
    assert resumed.stdout == "finished", resumed.stderr[-500:]
    assert (acts(tiny_disk, 1), acts(tiny_disk, 2)) == (1, 1)


def test_a_disk_that_fills_up_between_two_steps_stops_the_run_and_room_lets_it_go_on(
    tiny_disk: Path,
) -> None:
    subprocess.run(["mount", "-o", "remount,size=8m", str(tiny_disk)], check=True)
    (tiny_disk / "fill-after-act").touch()
    stopped = run(tiny_disk)
    (tiny_disk / "ballast").unlink()
    resumed = run(tiny_disk)

    assert stopped.returncode != 0
    assert "kvmedic apply --resume" in stopped.stderr
    assert "bug" not in stopped.stderr
    assert resumed.stdout == "finished", resumed.stderr[-500:]
    assert (acts(tiny_disk, 1), acts(tiny_disk, 2)) == (1, 1)


def test_an_engine_whose_folder_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "workflows").write_text("")

    assert "PreconditionFailedError: the engine's store" in run(tmp_path).stderr
