"""/proc/PID/limits (fs/proc/base.c, proc_pid_limits): a table with soft and hard limits."""

from __future__ import annotations

import re
from collections.abc import Mapping

from kvmedic.parse.lines import Line, after_the_end, numbered_lines

_ROW = re.compile(
    r"(?P<name>Max \S(?:.*?\S)?)\s+(?P<soft>unlimited|[0-9]{1,20})\s+(?:unlimited|[0-9]{1,20})\s*\S*\s*"
)


def parse_process_limits(text: str, source: str) -> Mapping[str, int | None]:
    """Soft limits by name ("Max open files"), None for unlimited; units as in the table's last column."""
    limits: dict[str, int | None] = {}
    for line in numbered_lines(text, source):
        if line.text.startswith("Limit "):
            continue
        row = _ROW.fullmatch(line.text)
        if row is None:
            raise line.error("a row 'Max open files 1024 4096 files'")
        limits[row["name"]] = _limit(line, row["soft"])
    if not limits:
        raise after_the_end(text, source, "a row Max …")
    return limits


def _limit(line: Line, word: str) -> int | None:
    return None if word == "unlimited" else line.whole(word, "a limit")
