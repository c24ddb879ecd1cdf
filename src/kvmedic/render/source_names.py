"""Sources of evidence as a reader knows them."""

from __future__ import annotations

import re

HIDDEN_PROCESSES = "kvmedic/process/others"
"""The gap of processes that were hidden from whoever read the host."""
_OF_PROCESS = re.compile(r"kvmedic/process/([0-9]+)/([a-z_]+)")
_NAMES_OF_OURS = {
    "kvmedic/libvirt/state": "libvirt",
    "kvmedic/libvirt/answer": "libvirt",
    "kvmedic/page_map.json": "page map",
    "kvmedic/process/d_state": "tasks that wait",
    HIDDEN_PROCESSES: "all processes",
}


def source_words(source: str, longest: int) -> str:
    """A source as a reader knows it: our own files by what is in them, others by the end of their path."""
    if match := _OF_PROCESS.fullmatch(source):
        return f"{match[2].replace('_', ' ')} of process {match[1]}"
    return _NAMES_OF_OURS.get(source) or end_of_path(source, longest)


def end_of_path(source: str, longest: int) -> str:
    """As many of the last parts of a path as fit: "node0/meminfo", since there is more than one meminfo."""
    if len(source) <= longest:
        return source
    parts = source.rstrip("/").split("/")
    kept = parts.pop()
    while parts and len(parts[-1]) + 3 + len(kept) <= longest:
        kept = f"{parts.pop()}/{kept}"
    return f"…/{kept}" if len(kept) + 2 <= longest else "…" + kept[-max(longest - 1, 1) :]
