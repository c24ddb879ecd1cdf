"""Tasks in uninterruptible sleep, as the collector lists them: rows "PID COMM WCHAN"."""

from __future__ import annotations

from kvmedic.parse.lines import numbered_lines


def parse_d_state_tasks(text: str, source: str) -> tuple[str, ...]:
    """The command names, one for each task; they may hold blanks. An empty file: no task sleeps so."""
    names: list[str] = []
    for line in numbered_lines(text, source):
        pid, _, rest = line.text.strip().partition(" ")
        line.whole(pid, "PID COMM WCHAN")
        if not rest.strip():
            raise line.error("PID COMM WCHAN")
        names.append((rest.rpartition(" ")[0] or rest).strip())
    return tuple(names)
