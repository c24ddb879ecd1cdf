"""Protocols for the outside world; each has a real adapter, and the pure rooms know neither."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from kvmedic.model.evidence import Evidence, Target
from kvmedic.model.record import Record
from kvmedic.model.request import CollectRequest

Progress = Callable[[str, float | None], None]
"""Called with a phrase for people and the share done (0 to 1), or None where it cannot be known."""


class LogStream(Record, frozen=True, kw_only=True):
    """A log as bytes in order. ``chunks`` may be opened once; ``name`` is its path on the host."""

    name: str
    size_bytes: int | None
    chunks: Callable[[], Iterator[bytes]]


class EvidenceSource(Protocol):
    """A target that can be examined: a live host, an ssh host, a bundle, a log."""

    @property
    def target(self) -> Target:
        """What this source is."""
        ...

    def collect(self, request: CollectRequest, progress: Progress) -> Evidence:
        """Read what the request allows; what fails is a gap inside. EvidenceError when all is lost."""
        ...

    def logs(self) -> Iterator[LogStream]:
        """Its logs, newest boot last, each opened only when its chunks are asked for."""
        ...
