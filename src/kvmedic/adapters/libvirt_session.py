"""libvirt's read-write connection, one call at a time, each in a disposable child with a deadline.

A daemon that hangs takes only the child with it. A call whose child had to be killed after it was connected
has an unknown outcome: whoever made it looks, and nothing is repeated here.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kvmedic.adapters.child import end_child
from kvmedic.adapters.libvirt_virsh_writes import call_virsh
from kvmedic.adapters.libvirt_write_child import NO_BINDING
from kvmedic.errors import ActionRefusedError, OutcomeUnknownError, PreconditionFailedError

SYSTEM = "qemu:///system"
DEADLINE_S = 15.0
HINT = "See whether libvirtd answers: virsh list."
READS = frozenset({"state", "definition", "limits"})
_CHILD = Path(__file__).with_name("libvirt_write_child.py")
_PYTHONS = ("/usr/bin/python3", "/usr/libexec/platform-python")


class LibvirtSession:
    """Calls of one libvirt daemon. ``uri`` names it."""

    def __init__(self, uri: str = SYSTEM, deadline_s: float = DEADLINE_S) -> None:
        self._uri, self._deadline_s = uri, deadline_s

    def read(self, call: str, uuid: str) -> Any:
        """The answer to a question. PreconditionFailedError where there is none in time."""
        try:
            return self._call(call, {"uuid": uuid})
        except (ActionRefusedError, OutcomeUnknownError) as error:
            raise PreconditionFailedError(
                f"libvirt could not be asked: {error.message}", hint=HINT
            ) from error

    def write(self, call: str, **arguments: Any) -> None:
        """Make a change. ActionRefusedError: nothing changed; OutcomeUnknownError: look again."""
        self._call(call, arguments)

    def _call(self, call: str, arguments: Mapping[str, Any]) -> Any:
        wish = {"uri": self._uri, "call": call, **arguments}
        for python in _pythons():
            said = _said_by_child(python, wish, self._deadline_s)
            if said is not None:
                return _answer_of(said, call, self._deadline_s)
        return call_virsh(wish, self._deadline_s)


def _pythons() -> list[str]:
    own = [sys.executable] if importlib.util.find_spec("libvirt") else []
    return own + [python for python in _PYTHONS if os.access(python, os.X_OK)]


def _said_by_child(python: str, wish: Mapping[str, Any], deadline_s: float) -> tuple[str, bool] | None:
    """What the child said and whether it ended in time; None where its Python has no binding."""
    process = subprocess.Popen(
        [python, "-I", str(_CHILD)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        start_new_session=True,
        text=True,
    )
    try:
        said, _ = process.communicate(json.dumps(wish), timeout=deadline_s)
    except subprocess.TimeoutExpired as error:
        end_child(process)  # type: ignore[arg-type]
        raw = error.stdout or b""
        return (raw.decode(errors="replace") if isinstance(raw, bytes) else raw), False
    return None if process.returncode == NO_BINDING else (said, True)


def _answer_of(said: tuple[str, bool], call: str, deadline_s: float) -> Any:
    """The child's answer, or the error that its words or its silence mean."""
    text, is_in_time = said
    lines = text.splitlines()
    was_connected = "connected" in lines
    answer = next((json.loads(line) for line in lines if line.startswith("{")), None)
    if answer is None:
        silence = f"no answer within {deadline_s:g} s" if not is_in_time else "no answer: its child ended"
        if was_connected and call not in READS:
            raise OutcomeUnknownError(f"libvirt gave {silence} ({call}); look before going on", hint=HINT)
        raise ActionRefusedError(f"libvirt gave {silence} ({call}); nothing was changed", hint=HINT)
    if "refused" in answer:
        raise ActionRefusedError(f"libvirt refused: {answer['refused']}", hint=HINT)
    if "unknown" in answer:
        raise OutcomeUnknownError(f"libvirt broke off: {answer['unknown']}", hint=HINT)
    return answer["answer"]
