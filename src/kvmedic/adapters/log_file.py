"""A bare log as a target: a file of any name and usual compression, or standard input."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from kvmedic.adapters.decompress import expanded
from kvmedic.adapters.live_logs import file_chunks
from kvmedic.model.evidence import Evidence, Target
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.request import CollectRequest
from kvmedic.ports import LogStream, Progress

_CHUNK_BYTES = 256 * 1024
STANDARD_INPUT = "-"


class LogFile:
    """One log. It holds no evidence of a host, so each of its facts is a gap."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def target(self) -> Target:
        """The log by its file name."""
        return Target(kind="log", name=self._path.name)

    def collect(self, _: CollectRequest, __: Progress) -> Evidence:
        """Nothing but the gaps."""
        return no_evidence(self.target)

    def logs(self) -> Iterator[LogStream]:
        """The log itself."""
        size_bytes = self._path.stat().st_size
        yield LogStream(name=self._path.name, size_bytes=size_bytes, chunks=lambda: file_chunks(self._path))


class StandardInput:
    """A log that comes through a pipe; it can be read once."""

    @property
    def target(self) -> Target:
        """Standard input, by the name people give it."""
        return Target(kind="log", name=STANDARD_INPUT)

    def collect(self, _: CollectRequest, __: Progress) -> Evidence:
        """Nothing but the gaps."""
        return no_evidence(self.target)

    def logs(self) -> Iterator[LogStream]:
        """What comes in, expanded where it is compressed."""
        descriptor = sys.stdin.fileno()
        pieces = iter(lambda: os.read(descriptor, _CHUNK_BYTES), b"")
        yield LogStream(
            name="standard input", size_bytes=None, chunks=lambda: expanded(pieces, "standard input")
        )


def no_evidence(target: Target) -> Evidence:
    """Evidence of a target that is only a log."""
    taken_at = Missing(
        source="taken_at", reason=Reason.NOT_COLLECTED, detail="a log does not say when it was read"
    )
    interval_s = Missing(source="interval", reason=Reason.NOT_COLLECTED, detail="a log holds no counters")
    return Evidence(target=target, taken_at=taken_at, interval_s=interval_s, files={}, again={})
