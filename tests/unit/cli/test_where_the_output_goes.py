"""Output that cannot be written is an error with a code of its own, never a traceback."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from kvmedic.cli.main import main

KVMEDIC = str(Path(sys.executable).parent / "kvmedic")
BUNDLE = str(Path(__file__).parents[2] / "data/domains/cgroup-v2")
CANNOT_WRITE = 21


def in_shell(words: str) -> subprocess.CompletedProcess[str]:
    """The command with the shell's redirections."""
    line = f'"$0" check "$1" {words}'
    return subprocess.run(
        ["/bin/sh", "-c", line, KVMEDIC, BUNDLE], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("words", ["> /dev/full", "--json > /dev/full", ">&-"])
def test_an_output_that_cannot_be_written_is_told_in_one_line(words: str) -> None:
    done = in_shell(words)
    assert done.returncode == CANNOT_WRITE
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("error: ")


@pytest.mark.parametrize("words", ["2>&-", "<&-", "<&- 2>&-"])
def test_a_closed_input_or_error_output_is_no_obstacle(words: str) -> None:
    done = in_shell(words)
    assert done.returncode in (0, 1, 3)
    assert "Next:" in done.stdout


def test_a_reader_that_goes_away_is_no_error_to_speak_of() -> None:
    done = in_shell("--verbose | head -1")
    assert (done.returncode, done.stderr) == (0, "")


def test_help_to_a_full_disk_is_no_bug_of_ours() -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", '"$0" --help > /dev/full', KVMEDIC], capture_output=True, text=True, check=False
    )

    assert done.returncode == CANNOT_WRITE
    assert "no space left" in done.stderr
    assert "Traceback" not in done.stderr


def on_a_terminal(kind: str) -> bytes:
    """All that a check of a second and more writes to a terminal of that kind."""
    ours, theirs = pty.openpty()
    words = [KVMEDIC, "check", "--page-map", "none", "--interval", "1"]
    with subprocess.Popen(
        words, stdin=theirs, stdout=theirs, stderr=theirs, env=os.environ | {"TERM": kind}
    ) as child:
        os.close(theirs)
        written = b""
        with suppress(OSError):  # EIO is how the end of a terminal shows
            while piece := os.read(ours, 65536):
                written += piece
        os.close(ours)
        child.wait(30)
    return written


def test_a_dumb_terminal_gets_no_escape_of_any_kind() -> None:
    written = on_a_terminal("dumb")
    assert b"Next:" in written
    assert b"\x1b" not in written
    assert b"\x1b" in on_a_terminal("xterm")


@pytest.mark.parametrize("interval", ["-1", "nan", "inf", "1e9"])
@pytest.mark.parametrize("verb", ["check", "capture"])
def test_an_interval_that_is_no_time_to_wait_is_refused(
    verb: str, interval: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([verb, BUNDLE, f"--interval={interval}"]) == 2
    assert "0 (one reading, no rates) to 3600" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--png", "--svg"])
@pytest.mark.parametrize("place", ["missing/map.png", "."])
def test_a_picture_that_has_no_place_is_refused_before_the_map_is_read(
    option: str, place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["map", str(tmp_path / "no-such-target"), option, str(tmp_path / place)]) == 2
    assert "is no place for a picture" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--png", "--svg"])
def test_a_picture_that_cannot_be_written_is_told_in_one_line(option: str) -> None:
    done = subprocess.run(
        [KVMEDIC, "map", option, "/dev/full"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == CANNOT_WRITE
    assert done.stderr.startswith("error: /dev/full could not be written: no space left on device\n")


@pytest.mark.parametrize("place", ["missing/b.tar.gz", "."])
def test_a_bundle_that_has_no_place_is_refused_before_anything_is_read(
    place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["capture", str(tmp_path / "no-such-target"), "-o", str(tmp_path / place)]) == 2
    assert str(tmp_path) in capsys.readouterr().err.splitlines()[0]
    assert main(["capture", str(tmp_path / "no-such-target"), "--list", "-o", "/x/y"]) == 2
    assert "no-such-target" in capsys.readouterr().err
