"""``kvmedic why`` on files and pipes: exit codes, filters, and moments as people type them."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from kvmedic.cli.main import main
from kvmedic.cli.moments import moment_of
from kvmedic.errors import UsageError

FULL_DISK = (
    "2026-11-24 02:00:00.000+0000: starting up libvirt version: 9.0.0, qemu version: 7.2.9\n"
    "2026-11-24 02:10:00.000+0000: block I/O error in device 'drive-virtio-disk0': "
    "No space left on device (28)\n"
)
NOW = datetime(2026, 11, 24, 12, 30, tzinfo=timezone(timedelta(hours=1)))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "web01.log"
    path.write_text(FULL_DISK)
    return path


def test_a_failure_is_exit_code_1_and_its_cause_is_in_the_json(
    log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["why", str(log), "--json"]) == 1

    report = json.loads(capsys.readouterr().out)
    assert report["findings"][0]["cause"] == "storage-full"
    assert report["blame"] == "neither"
    assert report["incidents"][0]["lines"][0]["line"] == 2


def test_a_log_without_a_failure_is_exit_code_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "web01.log"
    path.write_text(FULL_DISK.splitlines()[0] + "\n")

    assert main(["why", str(path)]) == 0
    assert "No failure was found in what was read." in capsys.readouterr().out


def test_an_empty_log_is_exit_code_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "kern.log"
    path.write_text("")

    assert main(["why", str(path)]) == 3
    assert "collect" in capsys.readouterr().out


def test_a_time_without_a_failure_is_exit_code_3(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["why", str(log), "--since", "2026-11-24T03:00+00:00"]) == 3
    assert main(["why", str(log), "--until", "2026-11-24T03:00+00:00"]) == 1
    assert main(["why", str(log), "--boot", "-1"]) == 3
    capsys.readouterr()


def test_a_pipe_is_read() -> None:
    command = [sys.executable, "-m", "kvmedic", "why", "-"]

    done = subprocess.run(command, input=FULL_DISK.encode(), capture_output=True, check=False)

    assert done.returncode == 1
    assert b"storage-full" in done.stdout


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-24T03:00", datetime(2026, 11, 24, 2, tzinfo=UTC)),
        ("2026-11-24 03:00:30", datetime(2026, 11, 24, 2, 0, 30, tzinfo=UTC)),
        ("2026-11-24T03:00Z", datetime(2026, 11, 24, 3, tzinfo=UTC)),
        ("2026-11-24", datetime(2026, 11, 23, 23, tzinfo=UTC)),
        ("03:00", datetime(2026, 11, 24, 2, tzinfo=UTC)),
        ("-2h", datetime(2026, 11, 24, 9, 30, tzinfo=UTC)),
        ("-15min", datetime(2026, 11, 24, 11, 15, tzinfo=UTC)),
        ("-3d", datetime(2026, 11, 21, 11, 30, tzinfo=UTC)),
        ("now", datetime(2026, 11, 24, 11, 30, tzinfo=UTC)),
        ("today", datetime(2026, 11, 23, 23, tzinfo=UTC)),
        ("yesterday", datetime(2026, 11, 22, 23, tzinfo=UTC)),
    ],
)
def test_moments_are_local_unless_they_name_a_zone(text: str, moment: datetime) -> None:
    assert moment_of(text, NOW, "--since") == moment.timestamp()


@pytest.mark.parametrize("text", ["", "soon", "25:00", "03:60", "-2y", "-9999999999999h", "2026-13-01", "03"])
def test_other_words_are_refused_with_examples(text: str) -> None:
    with pytest.raises(UsageError, match="is no moment") as error:
        moment_of(text, NOW, "--until")

    assert error.value.hint is not None
    assert "03:00" in error.value.hint
