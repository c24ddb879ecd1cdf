"""The few words of QMP that the lab says to a QEMU of its own."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

from kvmedic.errors import ActionError


def qmp(path: Path, command: str, arguments: dict[str, Any] | None = None, *, timeout_s: float = 10.0) -> Any:
    """Run one command on the monitor socket and return its result. Raises ActionError when QEMU refuses."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as monitor:
        monitor.settimeout(timeout_s)
        monitor.connect(str(path))
        with monitor.makefile("rw") as stream:
            stream.readline()
            for words in (
                {"execute": "qmp_capabilities"},
                {"execute": command, "arguments": arguments or {}},
            ):
                stream.write(json.dumps(words) + "\n")
                stream.flush()
                reply = _reply(stream.readline)
    return reply


def _reply(read_line: Any) -> Any:
    """The next reply; events in between are left aside."""
    while line := read_line():
        message = json.loads(line)
        if "return" in message:
            return message["return"]
        if "error" in message:
            raise ActionError(f"qemu: {message['error']['desc']}")
    raise ActionError("qemu closed its monitor")
