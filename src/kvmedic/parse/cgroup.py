"""Control groups: /proc/PID/cgroup and the files of a memory group, version 1 and 2.

Sources: Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst of the kernel.
"""

from __future__ import annotations

from collections.abc import Mapping

from kvmedic.parse.lines import Line, after_the_end, numbered_lines, only_line

UNLIMITED_V1 = 2**62
"""Version 1 says "unlimited" as the largest multiple of a page below 2^63 (PAGE_COUNTER_MAX)."""


def parse_process_cgroup(text: str, source: str) -> Mapping[str, str]:
    """Group by controller, from rows "ID:controllers:path"; the unified hierarchy has the key ""."""
    groups: dict[str, str] = {}
    for line in numbered_lines(text, source):
        parts = line.text.split(":", 2)
        if len(parts) != 3 or not parts[2].startswith("/"):
            raise line.error("ID:controllers:/path")
        line.whole(parts[0], "the ID of a hierarchy")
        for controller in parts[1].split(","):
            groups[controller] = parts[2]
    if not groups:
        raise after_the_end(text, source, "ID:controllers:/path")
    return groups


def parse_cgroup_counters(text: str, source: str) -> Mapping[str, int]:
    """Rows "key number" of memory.stat, memory.events, memory.oom_control; units are the kernel's."""
    counters: dict[str, int] = {}
    for line in numbered_lines(text, source):
        words = line.text.split()
        if len(words) != 2:
            raise line.error("a row 'key number'")
        counters[words[0]] = line.signed(words[1], "a number")
    return counters


def parse_cgroup_amount(text: str, source: str) -> int:
    """The bytes in memory.current or memory.usage_in_bytes."""
    line = only_line(text, source, "bytes")
    return line.whole(line.text.strip(), "bytes")


def parse_cgroup_limit(text: str, source: str) -> int | None:
    """The bytes of a limit; None for none ("max", and on version 1 anything from 2^62)."""
    line = only_line(text, source, "bytes or max")
    return _limit(line, line.text.strip())


def _limit(line: Line, word: str) -> int | None:
    if word == "max":
        return None
    amount = line.whole(word, "bytes or max")
    return None if amount >= UNLIMITED_V1 else amount
