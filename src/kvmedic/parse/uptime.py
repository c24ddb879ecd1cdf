"""/proc/uptime and /proc/loadavg (fs/proc), and the line of uptime(1) that stands for both in a sosreport."""

from __future__ import annotations

import re

from kvmedic.parse.lines import Line, only_line

_OUTPUT = re.compile(
    r"\bup\s+(?:(?P<days>\d{1,6}) days?,?\s*)?(?:(?P<hours>\d{1,2}):(?P<minutes>\d\d)|(?P<few>\d{1,2}) min)?,"
    r".*\bload average: *(?P<load>\d{1,6}[.,]\d\d)"
)
_EXPECTED = "up DAYS days, HOURS:MINUTES, … load average: …"


def parse_uptime(text: str, source: str) -> float:
    """Seconds since boot, suspended time included."""
    line = only_line(text, source, "seconds since boot")
    return line.decimal(line.text.split()[0], "seconds since boot")


def parse_loadavg(text: str, source: str) -> float:
    """The load of the last minute: tasks that run, want to run or wait uninterruptibly."""
    line = only_line(text, source, "load averages")
    return line.decimal(line.text.split()[0], "load averages")


def parse_uptime_output(text: str, source: str) -> float:
    """Seconds since boot, to the minute, as uptime(1) prints them: "up 83 days,  3:12", "up 25 min"."""
    found = _output(only_line(text, source, _EXPECTED))
    days, hours, minutes, few = (int(found[name] or 0) for name in ("days", "hours", "minutes", "few"))
    return 60.0 * (minutes + few + 60 * (hours + 24 * days))


def parse_load_output(text: str, source: str) -> float:
    """The load of the last minute as uptime(1) prints it."""
    return float(_output(only_line(text, source, _EXPECTED))["load"].replace(",", "."))


def _output(line: Line) -> re.Match[str]:
    found = _OUTPUT.search(line.text)
    if found is None:
        raise line.error(_EXPECTED)
    return found
