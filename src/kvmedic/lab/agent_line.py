"""Talks to the agent inside a machine of the lab: one request, one answer (protocol: agent.c)."""

from __future__ import annotations

import itertools
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from kvmedic.errors import ActionError, OutcomeUnknownError
from kvmedic.model.record import Record

SILENCE_S = 5.0
"""After so long without a byte an empty line is sent, which the agent ignores: an emulated serial port can
lose an interrupt under load, and what waits in it then comes with the next one."""


class Answer(Record, frozen=True, kw_only=True):
    """What the agent said: exit status (0 is success), its word on it, the lines of output."""

    status: int
    comment: str
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """The output as one text."""
        return "".join(line + "\n" for line in self.lines)


class AgentLine:
    """The line to one agent: a unix socket behind which QEMU has the machine's second serial port.

    QEMU serves one client at a time, so each request connects anew: several programs may share a machine.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ids = itertools.count(1)

    def ask(self, request: str, *, timeout_s: float = 120.0) -> Answer:
        """Send a request and wait for its answer.

        Raises OutcomeUnknownError when none came in time (the machine may still be at it), and
        ActionError when there is no machine.
        """
        tag = f"{os.getpid()}.{next(self._ids)}.{time.monotonic_ns() % 1_000_000}"
        deadline = time.monotonic() + timeout_s
        with self._connect() as line:
            line.sendall(f"\n{tag} {request}\n".encode())
            return _read_answer(_lines(line, deadline, request), tag)

    def ask_or_fail(self, request: str, *, timeout_s: float = 120.0) -> Answer:
        """As ``ask``; raises ActionError when the agent reports a failure."""
        answer = self.ask(request, timeout_s=timeout_s)
        if answer.status:
            raise ActionError(f"{request!r} in {self.path.name}: {answer.status} {answer.comment}")
        return answer

    def wait_until_up(self, *, timeout_s: float = 120.0) -> None:
        """Return once the agent answers. Raises OutcomeUnknownError when it does not in time."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                self.ask("ping", timeout_s=min(1.0, timeout_s))
            except (OutcomeUnknownError, ActionError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
            else:
                return

    def _connect(self) -> socket.socket:
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            line.connect(str(self.path))
        except OSError as error:
            line.close()
            raise ActionError(f"no machine behind {self.path}: {error.strerror}") from error
        return line


def _lines(line: socket.socket, deadline: float, request: str) -> Iterator[str]:
    pending = b""
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            raise OutcomeUnknownError(f"no answer to {request!r} in time")
        line.settimeout(min(left, SILENCE_S))
        try:
            received = line.recv(65536)
        except TimeoutError:
            line.sendall(b"\n")
            continue
        if not received:
            raise ActionError(f"the machine ended during {request!r}")
        *whole, pending = (pending + received).split(b"\n")
        yield from (text.decode(errors="replace").rstrip("\r") for text in whole)


def _read_answer(lines: Iterator[str], tag: str) -> Answer:
    """Collect the lines of our request; those of an earlier one, given up by its asker, are left aside."""
    output = []
    for line in lines:
        if line.startswith(f"{tag}| "):
            output.append(line.removeprefix(f"{tag}| "))
        elif line.startswith(f"{tag}= "):
            status, _, comment = line.removeprefix(f"{tag}= ").partition(" ")
            return Answer(status=int(status), comment=comment, lines=tuple(output))
    raise OutcomeUnknownError("the line ended before its answer")
