"""The cordon: a mark on a host that says: bring nothing here. The planner honours it.

It is a file below /run, on the affected host itself, so every operator and every machine sees the same one,
and a reboot lifts it (reboot-host puts it back until the host proved to be healthy).
"""

from __future__ import annotations

from kvmedic.adapters.domain_step import action_of
from kvmedic.adapters.host_shell import HostShell
from kvmedic.errors import ActionRefusedError
from kvmedic.model.plan import MarkCordon, Step
from kvmedic.model.run import Intent, Sight
from kvmedic.ports import Progress

PATH = "/run/kvmedic/cordon"
READ = f"[ -e {PATH} ] || exit 1; head -c 300 {PATH}"
SET = f'umask 022; mkdir -p /run/kvmedic && printf "%s\\n" "$1" > {PATH}.new && mv {PATH}.new {PATH}'
LIFT = f"rm -f {PATH}"


class CordonActor:
    """The actor of mark-cordon, on the host behind ``shell``."""

    def __init__(self, shell: HostShell) -> None:
        self._shell = shell

    def look(self, step: Step, intent: Intent | None) -> Sight:
        """Whether the mark is as the step wants it. Undo needs what stood there."""
        now = read_cordon(self._shell)
        wanted = action_of(step, MarkCordon).is_cordoned
        return Sight(
            is_reached=(now is not None) == wanted,
            facts={"cordon": now},
            restores={"cordon": now},
        )

    def act(self, step: Step, intent: Intent, progress: Progress) -> None:
        """Sets or lifts the mark."""
        action = action_of(step, MarkCordon)
        self._write(action.text if action.is_cordoned else None)

    def undo(self, step: Step, intent: Intent, progress: Progress) -> None:
        """Puts back what stood there: another operator's mark stays."""
        before = intent.restores.get("cordon")
        self._write(before if isinstance(before, str) else None)

    def _write(self, text: str | None) -> None:
        if not write_cordon(self._shell, text):
            raise ActionRefusedError(
                f"{self._shell.shown} did not take the cordon mark; nothing was changed",
                hint=f"It is the file {PATH}; /run must be writable.",
            )


def read_cordon(shell: HostShell) -> str | None:
    """What the mark says, or None where there is none. PreconditionFailedError: the host is out of reach."""
    said = shell.run(READ)
    return (said.out.strip() or "cordoned") if said.code == 0 else None


def write_cordon(shell: HostShell, text: str | None) -> bool:
    """Sets the mark with this text, or lifts it; whether that went well."""
    said = shell.run(LIFT) if text is None else shell.run(SET, text)
    return said.code == 0
