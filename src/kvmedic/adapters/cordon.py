"""The cordon: a mark on a host that says: bring nothing here. The planner honours it.

It is a file below /run, on the affected host itself, so every operator and every machine sees the same one, and
a reboot lifts it (reboot-host puts it back until the host proved to be healthy).
"""

from __future__ import annotations

from kvmedic.adapters.host_shell import HostShell

PATH = "/run/kvmedic/cordon"
READ = f'[ -e {PATH} ] || exit 1; head -c 300 {PATH}'
SET = f'umask 022; mkdir -p /run/kvmedic && printf "%s\\n" "$1" > {PATH}.new && mv {PATH}.new {PATH}'
LIFT = f"rm -f {PATH}"


def read_cordon(shell: HostShell) -> str | None:
    """What the mark says, or None where there is none. PreconditionFailedError: the host is out of reach."""
    said = shell.run(READ)
    return (said.out.strip() or "cordoned") if said.code == 0 else None


def write_cordon(shell: HostShell, text: str | None) -> bool:
    """Sets the mark with this text, or lifts it; whether that went well."""
    said = shell.run(LIFT) if text is None else shell.run(SET, text)
    return said.code == 0
