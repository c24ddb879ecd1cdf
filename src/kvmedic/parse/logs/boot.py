"""Where a boot begins, what machine it is, and whether it ended in order.

Sources: init/version.c, arch/x86/kernel/setup.c (DMI, command line), kernel/reboot.c, systemd's own lines.
"""

from __future__ import annotations

import re
from typing import Final, Literal

from kvmedic.model.log_event import BootStarted, Shutdown
from kvmedic.parse.logs.envelope import LogLine
from kvmedic.parse.logs.report import Context

Kind = Literal["reboot", "power-off", "halt", "stopping", "power-key", "journal-stopped", "syslog-stopped"]
_VERSION = re.compile(r"^Linux version (\S{1,128})")
SEPARATOR = re.compile(r"^-- (?:Boot ([0-9a-f]{32})|Reboot) --")
_DMI = re.compile(r"^(?:DMI: |Hardware name: )(.{1,200})")
_COMMAND_LINE = re.compile(r"^(?:Kernel command line|Command line): (.{0,2048})")
_HYPERVISOR = re.compile(r"^Hypervisor detected: (.{1,64})")
_ENDS: Final[tuple[tuple[Kind, re.Pattern[str]], ...]] = (
    (
        "reboot",
        re.compile(
            r"^reboot: (?:Restarting system|machine restart)|^Restarting system"
            r"|System is rebooting"
        ),
    ),
    ("power-off", re.compile(r"^reboot: Power [Dd]own|^Power down\.|System is powering (?:down|off)")),
    ("halt", re.compile(r"^reboot: System halted|^System halted")),
    ("power-key", re.compile(r"Power key pressed")),
    ("journal-stopped", re.compile(r"^Journal stopped")),
    ("syslog-stopped", re.compile(r"exiting on signal 15")),
    (
        "stopping",
        re.compile(
            r"Reached target (?:\S+ - )?(?:System )?(?:Power|Reboot|Shutdown)"
            r"|^Shutting down\.|The system (?:is going down|will)|systemd-shutdown"
            r"|^Received SIGRTMIN"
        ),
    ),
)
_SYSTEMD: Final = (
    "systemd",
    "systemd-journal",
    "systemd-journald",
    "systemd-logind",
    "systemd-shutdow",
    "systemd-shutdown",
)


class BootFacts:
    """What the first lines of a boot say; filled in as they come."""

    def __init__(self) -> None:
        self.kernel_release: str | None = None
        self.hardware_name: str | None = None
        self.command_line: str | None = None
        self.hypervisor: str | None = None

    def take(self, line: LogLine) -> bool:
        """Take a line that tells of kernel, machine or command line."""
        if not line.is_kernel:
            return False
        message = line.message
        for name, pattern in _FACTS:
            match = pattern.match(message)
            if match is not None:
                if getattr(self, name) is None:
                    setattr(self, name, match[1].strip())
                return True
        return False


_FACTS: Final = (
    ("kernel_release", _VERSION),
    ("hardware_name", _DMI),
    ("command_line", _COMMAND_LINE),
    ("hypervisor", _HYPERVISOR),
)


def kernel_release(line: LogLine) -> str | None:
    """The release where this line is the first a kernel prints; None else."""
    match = _VERSION.match(line.message) if line.is_kernel else None
    return None if match is None else match[1]


def started(context: Context, line: LogLine, boot_id: str | None, facts: BootFacts) -> BootStarted:
    """The event of a boot that began with this line."""
    return BootStarted(
        at=context.at(line),
        host=line.host,
        lines=context.proof(line),
        boot_id=boot_id,
        kernel_release=facts.kernel_release,
        hardware_name=facts.hardware_name,
        command_line=facts.command_line,
        hypervisor=facts.hypervisor,
    )


def read_shutdown(context: Context, line: LogLine) -> Shutdown | None:
    """The orderly end this line tells of; None for other lines."""
    if not (line.is_kernel or line.identifier in _SYSTEMD or "syslogd" in (line.identifier or "")):
        return None
    message = re.sub(r"^systemd(?:-\w+)?\[\d+\]: ", "", line.message)
    for kind, pattern in _ENDS:
        if pattern.search(message):
            return Shutdown(
                at=context.at(line),
                host=line.host,
                lines=context.proof(line),
                kind=kind,
                detail=line.message[:300],
            )
    return None
