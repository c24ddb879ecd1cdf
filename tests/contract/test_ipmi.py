"""The board controller of a host by IPMI: ipmitool against OpenIPMI's own simulator of a controller."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from kvmedic.adapters.bmc import reset
from kvmedic.errors import ActionRefusedError
from kvmedic.lab.board import IPMI_EMULATION, IPMI_LAN
from kvmedic.model.policy import BoardController

PRESS = """#!/bin/sh
echo "$*" >> {pressed}
case "$*" in *"get power"*) echo "power:1" ;; esac
"""


@pytest.fixture
def board(tmp_path: Path) -> Iterator[BoardController]:
    """A controller whose power button is a file that grows."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    press = tmp_path / "press"
    press.write_text(PRESS.format(pressed=tmp_path / "pressed"))
    press.chmod(0o755)
    (tmp_path / "password").write_text("se-cret\n")
    lan = IPMI_LAN.format(
        address="127.0.0.1",
        port=port,
        press=f"{press} 0x20",
        user="admin",
        password="se-cret",  # noqa: S106
    )
    (tmp_path / "lan.conf").write_text(lan)
    (tmp_path / "emulation").write_text(IPMI_EMULATION)
    argv = ["ipmi_sim", "-n", "-c", "lan.conf", "-f", "emulation", "-s", "state"]
    with subprocess.Popen(argv, cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        wait_until_bound(port)
        yield BoardController(
            kind="ipmi",
            address=f"127.0.0.1:{port}",
            user="admin",
            password_file=str(tmp_path / "password"),
        )
        process.terminate()


def wait_until_bound(port: int) -> None:
    deadline = time.monotonic() + 10
    while f":{port:04X} " not in Path("/proc/net/udp").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_reset_presses_the_button_once(board: BoardController, tmp_path: Path) -> None:
    reset(board)

    pressed = (tmp_path / "pressed").read_text().splitlines()
    assert [line for line in pressed if "set" in line] == ["0x20 set reset 1"]


def test_a_wrong_password_is_refused_and_presses_nothing(board: BoardController, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("guessed\n")

    with pytest.raises(ActionRefusedError, match="ipmitool"):
        reset(msgspec.structs.replace(board, password_file=str(wrong)))
    assert not (tmp_path / "pressed").exists()
