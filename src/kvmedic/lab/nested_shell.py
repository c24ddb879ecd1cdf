"""Runs commands in a nested host: script and outputs travel through the folder that both sides see."""

from __future__ import annotations

import itertools
import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from kvmedic.errors import ActionError
from kvmedic.lab.agent_line import AgentLine
from kvmedic.model.record import Record

EXCHANGE = Path("/exchange")


class Finished(Record, frozen=True, kw_only=True):
    """A command that ran to its end in the nested host."""

    returncode: int
    stdout: str
    stderr: str


class NestedShell:
    """A root shell in the nested host whose files are in ``folder``; any process of root may make one."""

    def __init__(self, folder: Path) -> None:
        self.exchange = folder / "exchange"
        self.agent = AgentLine(folder / "agent.sock")
        self._runs = itertools.count(1)

    def run(self, command: str | Sequence[str], *, timeout_s: float = 120.0) -> Finished:
        """Run a shell text, or one command, as root. Exit status 124: ended after ``timeout_s``.

        Raises OutcomeUnknownError when the host itself does not answer.
        """
        text = command if isinstance(command, str) else shlex.join(command)
        label = f"run-{os.getpid()}-{id(self):x}-{next(self._runs)}"
        (self.exchange / f"{label}.sh").write_text(text + "\n")
        inner = f"timeout -k 2 {timeout_s:.0f} sh {EXCHANGE}/{label}.sh"
        redirects = f"</dev/null >{EXCHANGE}/{label}.out 2>{EXCHANGE}/{label}.err"
        answer = self.agent.ask(f"sh {inner} {redirects}", timeout_s=timeout_s + 30)
        outputs = [self._take(f"{label}.{kind}") for kind in ("out", "err", "sh")]
        return Finished(returncode=answer.status, stdout=outputs[0], stderr=outputs[1])

    def run_or_fail(self, command: str | Sequence[str], *, timeout_s: float = 120.0) -> str:
        """As ``run``; returns what it printed, and raises ActionError when it failed."""
        done = self.run(command, timeout_s=timeout_s)
        if done.returncode:
            raise ActionError(f"{command!r} in {self.agent.path}: {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def put(self, name: str, content: bytes) -> Path:
        """Make a file in the folder that both sides see; returns its path inside the host."""
        (self.exchange / name).write_bytes(content)
        return EXCHANGE / name

    def _take(self, name: str) -> str:
        path = self.exchange / name
        text = path.read_text(errors="replace") if path.exists() else ""
        path.unlink(missing_ok=True)
        return text
