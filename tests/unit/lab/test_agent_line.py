"""The line to an agent: what it does when the port is silent."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from kvmedic.errors import OutcomeUnknownError
from kvmedic.lab import agent_line
from kvmedic.lab.agent_line import AgentLine


@pytest.fixture
def stuck_port(tmp_path: Path) -> Iterator[Path]:
    """A port that, like one which lost an interrupt, hands its answer out when the next byte comes in."""
    path = tmp_path / "agent.sock"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()

    def serve() -> None:
        line, _ = listener.accept()
        with line, suppress(ConnectionError):  # an asker that gave up closes the line
            request = line.recv(4096).split()
            if line.recv(1) == b"\n":
                line.sendall(b"earlier.1= 0 done\n" + request[0] + b"| here\n" + request[0] + b"= 0 done\n")

    server = threading.Thread(target=serve)
    server.start()
    yield path
    server.join(timeout=10)
    listener.close()


def test_a_port_that_fell_silent_is_woken(stuck_port: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_line, "SILENCE_S", 0.05)
    assert AgentLine(stuck_port).ask("sh echo here", timeout_s=5).text == "here\n"


def test_a_machine_that_never_answers_is_unknown(stuck_port: Path) -> None:
    with pytest.raises(OutcomeUnknownError, match="no answer"):
        AgentLine(stuck_port).ask("ping", timeout_s=0.05)
