"""Writes into the memory of a standing machine of the lab, through the port of its QEMU for debuggers.

Protocol: GDB documentation, appendix "GDB Remote Serial Protocol" (packets M and D).
"""

from __future__ import annotations

import socket
import time
from pathlib import Path

from kvmedic.errors import ActionError

PATIENCE_S = 20.0


def poke(path: Path, address: int, code: bytes) -> None:
    """Write code at a virtual address, then let the machine go on. Raises ActionError when it is refused."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(PATIENCE_S)
        _connect(line, path)
        for words in (f"M{address:x},{len(code):x}:{code.hex()}", "D"):
            line.sendall(_packet(words))
            answer = _answer(line)
            while answer.startswith("T"):  # that it stopped, since a debugger came
                answer = _answer(line)
            if answer != "OK":
                raise ActionError(
                    f"the debugger's port of {path.parent.name} answers {answer!r} to {words[:1]}"
                )


def _connect(line: socket.socket, path: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            line.connect(str(path))
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def _packet(words: str) -> bytes:
    return f"${words}#{sum(words.encode()) % 256:02x}".encode()


def _answer(line: socket.socket) -> str:
    """The next packet, acknowledged."""
    said = b""
    while b"#" not in said or len(said.partition(b"#")[2]) < 2:
        more = line.recv(1)
        if not more:
            raise ActionError("the debugger's port was closed")
        said += more
    line.sendall(b"+")
    return said.partition(b"$")[2].partition(b"#")[0].decode()
