"""Logs of the living host: sysstat's own tool prints its days, and a tool that hangs is left."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kvmedic.adapters import live_logs
from kvmedic.adapters.live_logs import ring_buffer, sysstat_days
from kvmedic.model.reading_list import SYSSTAT_FILES
from kvmedic.parse.logs import read_events

ROWS = "# hostname;interval;timestamp;kbmemfree;kbavail\\nnode7;600;1795485600;1000;2000\\n"


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host with two days, other files beside them, and a ``sadf`` that says what it was asked."""
    days = tmp_path / "var/log/sysstat"
    days.mkdir(parents=True)
    for age, name in enumerate(["sa25", "sa24", "sar24", "sa24.xz", "sadc.conf"]):
        (days / name).write_bytes(b"\x00")
        os.utime(days / name, (1000 - age, 1000 - age))
    tool(tmp_path, f'echo "$@" > {tmp_path}/asked; printf "{ROWS}"')
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    return tmp_path


def tool(place: Path, body: str) -> None:
    program = place / "bin/sadf"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)


def test_each_day_is_printed_by_sadf_oldest_first(host: Path) -> None:
    streams = list(sysstat_days(host))

    assert [stream.name for stream in streams] == ["sadf var/log/sysstat/sa24", "sadf var/log/sysstat/sa25"]
    reading = read_events(streams[0].name, streams[0].chunks())
    assert [sample.available_bytes for sample in reading.samples] == [2000 * 1024]
    asked = (host / "asked").read_text().split()
    assert asked == ["-d", "-U", f"{host}/var/log/sysstat/sa24", "--", "-r", "-S", "-B", "-W", "-q"]


def test_of_many_days_the_newest_are_read(host: Path) -> None:
    for day in range(1, 32):
        path = host / f"var/log/sysstat/sa202611{day:02d}"
        path.write_bytes(b"\x00")
        os.utime(path, (2000 + day, 2000 + day))

    names = [stream.name for stream in sysstat_days(host)]

    assert len(names) == SYSSTAT_FILES
    assert names[-1] == "sadf var/log/sysstat/sa20261131"


def test_a_tool_that_falls_silent_is_left_with_what_it_said(
    host: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_logs, "_SILENCE_S", 0.3)
    tool(host, f'printf "{ROWS}"; exec sleep 60')

    (stream, _) = sysstat_days(host)

    assert b"".join(stream.chunks()) == ROWS.replace("\\n", "\n").encode()


def test_without_the_tool_nothing_is_read(host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(host))

    assert list(sysstat_days(host)) == []


@pytest.mark.parametrize("path", ["/dev/null", "/nonexistent/kmsg"])
def test_a_container_without_a_ring_buffer_has_an_empty_one(path: str) -> None:
    assert list(ring_buffer(path)) == []
