"""kvmedic/process/kinds: rows "PID qemu", "PID daemon NAME", "PID service", as a collector lists them."""

from __future__ import annotations

from collections.abc import Mapping

from kvmedic.parse.lines import numbered_lines


def parse_process_kinds(text: str, source: str) -> Mapping[int, str]:
    """Kind by pid: "qemu", "daemon NAME", "service". An empty file: there are none of these."""
    kinds: dict[int, str] = {}
    for line in numbered_lines(text, source):
        pid, _, kind = line.text.strip().partition(" ")
        if not kind.strip():
            raise line.error("PID KIND")
        kinds[line.whole(pid, "PID KIND")] = " ".join(kind.split())
    return kinds
