"""Talks to libvirt about moving domains, each call in a disposable child with a deadline.

Only this module knows the child's words. A migration is watched for as long as it speaks: a child that falls
silent is left or killed, and what became of the migration is then unknown until both sides were looked at.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kvmedic.adapters.child import LONGEST_START_S, Answers, end_child
from kvmedic.adapters.libvirt_migrate_child import NO_BINDING
from kvmedic.errors import ActionError, ActionRefusedError, OutcomeUnknownError, PreconditionFailedError
from kvmedic.model.record import Record

DEADLINE_S = 15.0
SILENCE_S = 45.0
"""A migration's child speaks four times a second; libvirt's keepalive ends a dead connection after 30 s."""
HINT = "See whether libvirtd answers there: virsh -c URI list."
_MOVES = Path(__file__).with_name("libvirt_migrate_child.py")
_SIDES = Path(__file__).with_name("libvirt_sides_child.py")
_LOOKS = frozenset({"look", "source", "destination"})
_PYTHONS = ("/usr/bin/python3", "/usr/libexec/platform-python")


class Ended(Record, frozen=True, kw_only=True):
    """How libvirt says that a migration ended. ``error`` None: it returned; ``aborted_by`` empty: nobody
    did."""

    error: str | None
    aborted_by: str
    is_post_copy: bool


class MigrationSession:
    """Calls about moves through one libvirt ``uri``."""

    def __init__(self, uri: str, deadline_s: float = DEADLINE_S) -> None:
        self._uri, self._deadline_s = uri, deadline_s

    def ask(self, call: str, **arguments: Any) -> Any:
        """One answer. PreconditionFailedError where there is none in time, or libvirt says no."""
        child = _Child({"uri": self._uri, "call": call, **arguments})
        try:
            while True:
                kind, content = child.next(self._deadline_s)
                if kind == "answer":
                    return content["answer"]
                if kind in ("refused", "failed"):
                    raise PreconditionFailedError(f"libvirt could not be asked: {content[kind]}", hint=HINT)
        except (TimeoutError, EOFError) as error:
            raise PreconditionFailedError(
                f"libvirt at {self._uri} gave no answer within {self._deadline_s:g} s ({call})", hint=HINT
            ) from error
        finally:
            child.end()

    def migrate(
        self,
        wish: Mapping[str, Any],
        told: Callable[[Mapping[str, Any]], None],
        is_to_stop: Callable[[], bool],
    ) -> Ended:
        """Carries a migration out. ActionRefusedError: it never began. OutcomeUnknownError: look at both
        sides.

        ``told`` gets the numbers as they come; when ``is_to_stop`` says so, libvirt is asked to abort.
        """
        child = _Child({"uri": self._uri, "call": "migrate", **wish})
        is_begun, is_post_copy, is_asked = False, False, False
        try:
            while True:
                kind, content = child.next(SILENCE_S)
                if is_to_stop() and not is_asked:
                    is_asked = True
                    child.say("abort")
                match kind:
                    case "connected":
                        is_begun = True
                    case "progress":
                        is_post_copy = is_post_copy or bool(content["progress"].get("is_post_copy"))
                        told(content["progress"])
                    case "answer":
                        return Ended(error=None, aborted_by="", is_post_copy=is_post_copy)
                    case "refused":
                        raise ActionRefusedError(f"libvirt refused: {content['refused']}", hint=HINT)
                    case "failed":
                        by = str(content.get("aborted_by") or "")
                        return Ended(error=str(content["failed"]), aborted_by=by, is_post_copy=is_post_copy)
        except (TimeoutError, EOFError) as error:
            raise self._silence(is_begun=is_begun) from error
        finally:
            child.end()

    def _silence(self, *, is_begun: bool) -> ActionError:
        """What a silence means, before and after libvirt was told to move the domain."""
        if not is_begun:
            return ActionRefusedError(
                f"libvirt at {self._uri} gave no answer; nothing was changed", hint=HINT
            )
        return OutcomeUnknownError(
            f"libvirt at {self._uri} fell silent in mid-migration; look at both hosts", hint=HINT
        )


class _Child:
    """The child script, under the first Python that has the binding."""

    def __init__(self, wish: Mapping[str, Any]) -> None:
        for python in _pythons():
            self._process = _start(python, _SIDES if wish["call"] in _LOOKS else _MOVES)
            self._answers = Answers(_pipe(self._process.stdout))
            self._pending = b""
            self.say(json.dumps(wish))
            if self._has_binding():
                return
            self.end()
        raise ActionRefusedError(
            "no Python here can import libvirt's binding; nothing was changed",
            hint="Install python3-libvirt: moving domains needs it.",
        )

    def say(self, text: str) -> None:
        """One line for the child; it may have ended already."""
        try:
            pipe = _pipe(self._process.stdin)
            pipe.write(f"{text}\n".encode())
            pipe.flush()
        except BrokenPipeError:
            return

    def next(self, silence_s: float) -> tuple[str, dict[str, Any]]:
        """The next line: its kind, its content. TimeoutError after a silence, EOFError at the end."""
        line = self._line(silence_s)
        if not line.startswith("{"):
            return line, {}
        content = json.loads(line)
        return next(iter(content)), content

    def end(self) -> None:
        """Let go of it. A migration under way goes on in libvirtd."""
        self._answers.close()
        end_child(self._process)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue

    def _has_binding(self) -> bool:
        try:
            return self._line(LONGEST_START_S) == "started"
        except EOFError:
            if self._process.wait(timeout=LONGEST_START_S) == NO_BINDING:
                return False
            raise

    def _line(self, silence_s: float) -> str:
        until = time.monotonic() + silence_s
        while b"\n" not in self._pending:
            part = self._answers.chunk(until)
            if not part:
                raise EOFError
            self._pending += part
        line, _, self._pending = self._pending.partition(b"\n")
        return line.decode(errors="replace")


def _pythons() -> list[str]:
    own = [sys.executable] if importlib.util.find_spec("libvirt") else []
    return own + [python for python in _PYTHONS if os.access(python, os.X_OK)]


def _start(python: str, script: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [python, "-I", str(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=_environment(),
        start_new_session=True,
    )


def _environment() -> dict[str, str]:
    """The operator's PATH, HOME and agent: libvirt starts their ssh for qemu+ssh."""
    kept = ("PATH", "HOME", "USER", "SSH_AUTH_SOCK", "XDG_RUNTIME_DIR")
    return {"LC_ALL": "C.UTF-8", **{key: os.environ[key] for key in kept if key in os.environ}}


def _pipe(pipe: Any) -> Any:
    assert pipe is not None  # noqa: S101
    return pipe
