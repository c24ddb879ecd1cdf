"""/proc/uptime and /proc/loadavg (fs/proc)."""

from __future__ import annotations

from kvmedic.parse.lines import only_line


def parse_uptime(text: str, source: str) -> float:
    """Seconds since boot, suspended time included."""
    line = only_line(text, source, "seconds since boot")
    return line.decimal(line.text.split()[0], "seconds since boot")


def parse_loadavg(text: str, source: str) -> float:
    """The load of the last minute: tasks that run, want to run or wait uninterruptibly."""
    line = only_line(text, source, "load averages")
    return line.decimal(line.text.split()[0], "load averages")
