"""The line to the agent of a guest inside a nested host: the host's own agent passes requests on."""

from __future__ import annotations

import itertools
import os
import time
from pathlib import Path

from kvmedic.errors import ActionError, OutcomeUnknownError
from kvmedic.lab.agent_line import AgentLine, Answer


class NestedLine:
    """As ``AgentLine``, for a socket that only the nested host's kernel knows."""

    def __init__(self, host_line: AgentLine, path: Path) -> None:
        self._host_line = host_line
        self.path = path
        self._ids = itertools.count(1)

    def ask(self, request: str, *, timeout_s: float = 120.0) -> Answer:
        """Send a request and wait for its answer; errors as in ``AgentLine.ask``."""
        tag = f"n{os.getpid()}.{next(self._ids)}"
        relayed = self._host_line.ask(
            f"relay {max(1, round(timeout_s))} {self.path} {tag} {request}", timeout_s=timeout_s + 30
        )
        if relayed.status:
            raise OutcomeUnknownError(f"no answer to {request!r} from {self.path}: {relayed.comment}")
        output = tuple(line.removeprefix(f"{tag}| ") for line in relayed.lines if line.startswith(f"{tag}| "))
        status, _, comment = relayed.lines[-1].removeprefix(f"{tag}= ").partition(" ")
        return Answer(status=int(status), comment=comment, lines=output)

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
                self.ask("ping", timeout_s=2.0)
            except OutcomeUnknownError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.5)
            else:
                return
