"""A take: what one run of a scenario left behind, raw. Times are seconds since the boot, or since 1970."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from kvmedic.model.record import Record

STAMP = re.compile(r"^\[ *(\d+\.\d{6})\]")
CALM = "calm-01"
"""A guest that lives through all scenarios of its host: its balloon is inflated, and innocent."""
BootEnd = Literal["running", "panic", "reset"]
MadeOn = Literal["libvirt", "qemu", "here"]
"""A disposable host with libvirt; one whose QEMUs were started without; a private libvirt on this machine."""


class BootLog(Record, frozen=True, kw_only=True):
    """The kernel's words in one boot: ``prologue`` while it started, ``segment`` during the scenario."""

    boot_id: str
    started_at: float
    prologue: str
    segment: str
    end: BootEnd

    def told(self, segment: str, end: BootEnd) -> BootLog:
        """The same boot with what was said in the scenario, and how it ended."""
        return msgspec.structs.replace(self, segment=segment, end=end)

    @property
    def text(self) -> str:
        """All of it."""
        return self.prologue + self.segment


class Take(Record, frozen=True, kw_only=True):
    """One failure, brought about once on one kernel."""

    scenario: str
    variant: int
    kernel: str
    made_on: MadeOn
    host: str
    boots: tuple[BootLog, ...]
    files: dict[str, bytes]


def time_of(line: str) -> float | None:
    """The time stamp of a line of dmesg; None where it has none."""
    match = STAMP.match(line)
    return float(match[1]) if match else None


def time_of_last_line(text: str) -> float:
    """The last time stamp in a log; 0 in an empty one."""
    times = [time for line in text.splitlines() if (time := time_of(line)) is not None]
    return times[-1] if times else 0.0


def lines_after(text: str, after_s: float) -> str:
    """The part of a log behind a moment: from the first line with a later time stamp on."""
    lines = text.splitlines(keepends=True)
    for index, line in enumerate(lines):
        if (time := time_of(line)) is not None and time > after_s:
            return "".join(lines[index:])
    return ""
