"""Small fixed scripts on a host: on this one, or over the system's own ssh with the operator's
configuration."""

from __future__ import annotations

import shlex
import subprocess
from typing import NamedTuple

from kvmedic.adapters.ssh import SshTarget, parse_ssh_target
from kvmedic.errors import PreconditionFailedError

SSH_OPTIONS = (
    *("-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-T"),
    *("-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3"),
)
SSH_FAILED = 255
DEADLINE_S = 90.0
"""A dead network ends sooner (ServerAlive); a sick or emulated host takes its time."""


def ssh_target(name: str) -> SshTarget:
    """The target of a policy's ``ssh``, with or without the scheme. UsageError where it is none."""
    return parse_ssh_target(name if "://" in name else f"ssh://{name}")


class Said(NamedTuple):
    """What a script printed, and its exit status."""

    code: int
    out: str
    err: str


class HostShell:
    """``ssh`` as in ssh://user@host:port, or user@host; None is this host."""

    def __init__(self, ssh: str | None) -> None:
        self._target: SshTarget | None = None if ssh is None else ssh_target(ssh)
        self.shown = "this host" if self._target is None else self._target.shown

    def command(self, script: str, *arguments: str) -> list[str]:
        """The words that run ``script`` there with ``sh``; arguments are never part of its text."""
        inner = ["sh", "-c", script, "sh", *arguments]
        if self._target is None:
            return inner
        port = ["-p", str(self._target.port)] if self._target.port else []
        user = ["-l", self._target.user] if self._target.user else []
        return ["ssh", *SSH_OPTIONS, *port, *user, "--", self._target.host, shlex.join(inner)]

    def run(self, script: str, *arguments: str, deadline_s: float = DEADLINE_S) -> Said:
        """Runs it to its end. PreconditionFailedError where the host cannot be reached, or is silent."""
        try:
            done = subprocess.run(
                self.command(script, *arguments),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=deadline_s,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise PreconditionFailedError(
                f"{self.shown} gave no answer within {deadline_s:g} s", hint="See whether it is alive."
            ) from error
        except OSError as error:
            raise PreconditionFailedError(
                f"ssh could not be started: {error.strerror}", hint="Install the package openssh-client."
            ) from error
        if self._target is not None and done.returncode == SSH_FAILED:
            last = " ".join(done.stderr.strip().splitlines()[-1:])
            raise PreconditionFailedError(
                f"ssh could not reach {self.shown}: {last}", hint="Try the same with ssh by hand."
            )
        return Said(done.returncode, done.stdout, done.stderr)
