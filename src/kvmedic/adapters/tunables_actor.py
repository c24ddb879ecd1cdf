"""Kernel settings: one file at a time, live; and files of our own that set them again at boot."""

from __future__ import annotations

import os
import re
from pathlib import Path

from kvmedic.adapters.domain_step import action_of
from kvmedic.errors import ActionRefusedError, PreconditionFailedError
from kvmedic.model.plan import PersistTunables, Step, WriteTunable
from kvmedic.model.run import Intent, Sight
from kvmedic.ports import Progress

MARK = "# Written by kvmedic"
ALLOWED = ("proc/sys/vm/", "sys/kernel/mm/transparent_hugepage/")
"""A plan is a file that anybody could have edited: nothing else is ever written."""
ALLOWED_LINES = {
    "etc/sysctl.d/90-kvmedic.conf": re.compile(r"(vm\.[a-z_]+) = [0-9]+"),
    "etc/tmpfiles.d/kvmedic.conf": re.compile(
        r"w (/sys/kernel/mm/transparent_hugepage/[a-z_/]+) - - - - [a-z0-9]+"
    ),
}
"""Our files, and the only lines in them: systemd-tmpfiles carries out whatever stands there, as root."""


class WriteTunableActor:
    """The actor of write-tunable. ``root`` is where the host's files begin."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root

    def look(self, step: Step, intent: Intent | None) -> Sight:
        """The setting now. PreconditionFailedError where it is neither as planned nor as wished."""
        action = action_of(step, WriteTunable)
        now = self._read(action)
        if intent is None and now not in (action.expected, action.value):
            raise PreconditionFailedError(
                f"{action.path} is {now}, and was {action.expected} when the plan was made",
                hint="Make a new plan.",
            )
        return Sight(is_reached=now == action.value, facts={"value": now}, restores={"value": now})

    def act(self, step: Step, intent: Intent, progress: Progress) -> None:
        """Writes the value."""
        action = action_of(step, WriteTunable)
        progress(f"{action.path} = {action.value}", None)
        self._write(action, action.value)

    def undo(self, step: Step, intent: Intent, progress: Progress) -> None:
        """Writes the old value. ActionRefusedError where somebody has changed it since."""
        action = action_of(step, WriteTunable)
        before, now = str(intent.restores.get("value")), self._read(action)
        if now == before:
            return
        if now != action.value:
            raise ActionRefusedError(
                f"{action.path} is {now} by somebody else now; it was not touched", hint="Set it by hand."
            )
        self._write(action, before)

    def _path(self, action: WriteTunable) -> Path:
        if not action.path.startswith(ALLOWED) or ".." in action.path.split("/"):
            raise PreconditionFailedError(
                f"{action.path} is no setting that kvmedic writes", hint="Make the plan with kvmedic plan."
            )
        return self._root / action.path

    def _read(self, action: WriteTunable) -> str:
        try:
            return " ".join(self._path(action).read_text().split())
        except OSError as error:
            raise PreconditionFailedError(
                f"{action.path} cannot be read: {error.strerror}", hint="This kernel may not have it."
            ) from error

    def _write(self, action: WriteTunable, value: str) -> None:
        try:
            self._path(action).write_text(value)
        except OSError as error:
            raise ActionRefusedError(
                f"the kernel refused {value} for {action.path}: {error.strerror}", hint="It takes root."
            ) from error


class PersistTunablesActor:
    """The actor of persist-tunables: only files that bear our mark are ever written to.

    What an earlier run keeps there stays, but for the settings that this one sets.
    """

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root

    def look(self, step: Step, intent: Intent | None) -> Sight:
        """Our file now. PreconditionFailedError where the file is somebody else's."""
        action = action_of(step, PersistTunables)
        now = self._read(action)
        if intent is None and now is not None and not now.startswith(MARK):
            raise PreconditionFailedError(
                f"{action.path} is not ours; it was not touched", hint="Use kvmedic plan --emit instead."
            )
        return Sight(
            is_reached=now is not None and now == self._with(action, now),
            facts={"bytes": len(now or "")},
            restores={"content": now},
        )

    def act(self, step: Step, intent: Intent, progress: Progress) -> None:
        """Writes the file whole, or not at all."""
        action = action_of(step, PersistTunables)
        self._write(action, self._with(action, self._read(action)))

    def undo(self, step: Step, intent: Intent, progress: Progress) -> None:
        """Puts the former file back, or takes ours away. ActionRefusedError where it was edited since."""
        action = action_of(step, PersistTunables)
        before, now = intent.restores.get("content"), self._read(action)
        if now == before:
            return
        if now != self._with(action, None if before is None else str(before)):
            raise ActionRefusedError(f"{action.path} was edited since; it was not touched", hint="See it.")
        if before is None:
            self._path(action).unlink()
        else:
            self._write(action, str(before))

    def _with(self, action: PersistTunables, now: str | None) -> str:
        """The file with the action's settings: a line of the same setting is replaced, others stay."""
        allowed = ALLOWED_LINES[action.path]
        wished = _settings(action.content, allowed)
        if len(wished) != len([line for line in action.content.splitlines() if not line.startswith("#")]):
            raise PreconditionFailedError(
                f"{action.path} would hold a line that kvmedic never writes", hint="Make a new plan."
            )
        kept = [line for line in (now or "").splitlines() if not line.startswith("#")]
        others = [
            line for line in kept if (found := allowed.fullmatch(line)) is None or found[1] not in wished
        ]
        return "\n".join((action.content.splitlines()[0], *others, *wished.values())) + "\n"

    def _path(self, action: PersistTunables) -> Path:
        if action.path not in ALLOWED_LINES:
            raise PreconditionFailedError(
                f"{action.path} is no file that kvmedic writes", hint="Make the plan with kvmedic plan."
            )
        return self._root / action.path

    def _read(self, action: PersistTunables) -> str | None:
        try:
            return self._path(action).read_text(errors="replace")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise PreconditionFailedError(
                f"{action.path} cannot be read: {error.strerror}", hint="It takes root."
            ) from error

    def _write(self, action: PersistTunables, content: str) -> None:
        path = self._path(action)
        new = path.with_name(f".{path.name}.new")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with new.open("w") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            new.chmod(0o644)
            new.replace(path)
        except OSError as error:
            new.unlink(missing_ok=True)
            raise ActionRefusedError(
                f"{action.path} cannot be written: {error.strerror}", hint="Nothing was changed."
            ) from error


def _settings(content: str, allowed: re.Pattern[str]) -> dict[str, str]:
    """The lines by the setting that each one sets."""
    return {found[1]: line for line in content.splitlines() if (found := allowed.fullmatch(line))}
