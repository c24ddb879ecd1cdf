"""Another host, over the system's own OpenSSH and the operator's own configuration: it runs the collector."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import IO, NamedTuple
from urllib.parse import urlsplit

from kvmedic.adapters.archive import archive_logs, read_archive
from kvmedic.adapters.child import Answers, end_child
from kvmedic.adapters.collector import collector_script
from kvmedic.derive.bundle import evidence_of_bundle
from kvmedic.errors import EvidenceError, UsageError
from kvmedic.model.evidence import Evidence, Target
from kvmedic.model.request import CollectRequest
from kvmedic.ports import LogStream, Progress

_SILENCE_S = 30.0
_LOG_SILENCE_S = 120.0
_LAST_MOMENT_S = 3.0
_LARGEST_COMPLAINT_BYTES = 4096
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@\\-]{0,63}\$?")
_HOST = re.compile(r"[A-Za-z0-9:][A-Za-z0-9.:_%-]{0,252}")
_HINTS = (
    (
        "permission denied",
        "Give ssh a key it can use without asking: try ssh -o BatchMode=yes USER@HOST true.",
    ),
    (
        "host key verification failed",
        "Connect once with ssh by hand, and compare the key before accepting it.",
    ),
    ("could not resolve hostname", "Check the name, or give it a HostName in ~/.ssh/config."),
    (
        "connection refused",
        "Check that sshd runs there and on which port; ssh://user@host:port takes another one.",
    ),
    ("timed out", "Check the network and the firewall between here and there."),
    ("no route to host", "Check the network between here and there."),
)


class SshTarget(NamedTuple):
    """Where to: as in ssh://user@host:port; what is None is left to the operator's configuration."""

    user: str | None
    host: str
    port: int | None

    @property
    def shown(self) -> str:
        """The target as people write it."""
        user = f"{self.user}@" if self.user else ""
        return f"{user}{self.host}" + (f":{self.port}" if self.port else "")


def parse_ssh_target(name: str) -> SshTarget:
    """The parts of ssh://user@host:port. UsageError for anything that ssh could take for an option."""
    try:
        parts = urlsplit(name)
        target = SshTarget(user=parts.username, host=parts.hostname or "", port=parts.port)
    except ValueError as error:
        raise UsageError(f"{name} is no ssh target: {error}", hint="Write it as ssh://user@host.") from error
    is_plain = not (parts.path.strip("/") or parts.query or parts.fragment or parts.password)
    has_user = target.user is None or _USER.fullmatch(target.user)
    if not (is_plain and has_user and _HOST.fullmatch(target.host)):
        raise UsageError(
            f"{name} is no ssh target", hint="Write it as ssh://user@host or ssh://user@host:port."
        )
    return target


class SshHost:
    """A host that runs the collector for us; nothing is installed there, and nothing stays."""

    def __init__(self, ssh: SshTarget, *, options: tuple[str, ...] = ()) -> None:
        self._ssh = ssh
        self._options = options

    @property
    def target(self) -> Target:
        """The host as the operator named it."""
        return Target(kind="ssh", name=self._ssh.shown)

    def collect(self, request: CollectRequest, progress: Progress) -> Evidence:
        """What the collector reads there. EvidenceError where ssh fails, with what it said."""
        progress(f"collecting on {self._ssh.shown}", None)
        words = (*(["--deep"] if request.is_deep else []), "--interval", f"{max(request.interval_s, 0):g}")
        silence_s = _SILENCE_S + max(request.interval_s, 0)
        contents = read_archive(lambda: self._run(words, silence_s), self._ssh.shown)
        found = evidence_of_bundle(contents.files, self._ssh.shown, contents.newest)
        return Evidence(
            target=self.target,
            taken_at=found.taken_at,
            interval_s=found.interval_s,
            files=found.files,
            again=found.again,
        )

    def logs(self) -> Iterator[LogStream]:
        """Logs of that host as they arrive; each is good until the next one is asked for."""
        return archive_logs(lambda: self._run(("--logs", "--interval", "0"), _LOG_SILENCE_S), self._ssh.shown)

    def _command(self, words: tuple[str, ...]) -> list[str]:
        port = ["-p", str(self._ssh.port)] if self._ssh.port else []
        user = ["-l", self._ssh.user] if self._ssh.user else []
        options = ["-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-T", *self._options]
        return ["ssh", *options, *port, *user, "--", self._ssh.host, " ".join(("sh", "-s", "--", *words))]

    def _run(self, words: tuple[str, ...], silence_s: float) -> Iterator[bytes]:
        """The tar as it arrives. The script goes in as a file: a pipe could block before ssh reads it."""
        with tempfile.TemporaryFile() as script, tempfile.TemporaryFile() as complaints:
            script.write(collector_script().encode())
            script.seek(0)
            process = self._start(words, script, complaints)
            assert process.stdout is not None  # noqa: S101
            try:
                yield from self._output(process.stdout, silence_s)
                code = process.wait(timeout=silence_s)
            except subprocess.TimeoutExpired as error:
                raise self._silent(silence_s) from error
            finally:
                process.stdout.close()
                self._let_end(process)
            if code:
                raise self._failed(code, complaints)

    def _let_end(self, process: subprocess.Popen[bytes]) -> None:
        """A collector that has sent everything still removes its folder: it gets a moment for that."""
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=_LAST_MOMENT_S)
        end_child(process)

    def _start(
        self, words: tuple[str, ...], script: IO[bytes], complaints: IO[bytes]
    ) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                self._command(words), stdin=script, stdout=subprocess.PIPE, stderr=complaints
            )
        except OSError as error:
            raise EvidenceError(
                f"ssh could not be started: {(error.strerror or 'error').lower()}",
                hint="Install the package openssh-client.",
            ) from error

    def _output(self, pipe: IO[bytes], silence_s: float) -> Iterator[bytes]:
        answers = Answers(pipe)
        try:
            while part := answers.chunk(time.monotonic() + silence_s):
                yield part
        except TimeoutError as error:
            raise self._silent(silence_s) from error
        finally:
            answers.close()

    def _silent(self, silence_s: float) -> EvidenceError:
        hint = "The host may be hung; try its console, or a bundle taken there with kvmedic capture --script."
        return EvidenceError(f"{self._ssh.shown} sent nothing for {silence_s:g} s", hint=hint)

    def _failed(self, code: int, complaints: IO[bytes]) -> EvidenceError:
        """ssh ends with 255 for its own failures, else with the status of what ran there."""
        complaints.seek(0, os.SEEK_SET)
        said = complaints.read(_LARGEST_COMPLAINT_BYTES).decode("utf-8", "replace")
        last = " ".join(said.strip().splitlines()[-1:])[:300]
        hint = next((hint for mark, hint in _HINTS if mark in said.lower()), None)
        if code == 255:
            hint = hint or "Try the same with ssh by hand; kvmedic uses your own ssh configuration."
            return EvidenceError(
                f"ssh could not reach {self._ssh.shown}: {last or 'no reason given'}", hint=hint
            )
        hint = "Run the script there by hand to see why: kvmedic capture --script prints it."
        return EvidenceError(f"the collector failed on {self._ssh.shown} (status {code}): {last}", hint=hint)
