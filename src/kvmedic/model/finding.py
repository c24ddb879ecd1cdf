"""What a rule concludes: findings with their proof, refuted suspects, and what could not be judged."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Literal

from kvmedic.model.record import Record
from kvmedic.model.snapshot import Snapshot

SubjectKind = Literal["host", "domain", "node", "zone", "cgroup", "process", "daemon"]
JudgedOn = Literal["living", "post-mortem", "both"]
SeverityName = Literal["info", "warning", "critical"]


class Severity(IntEnum):
    """How much it matters now; it follows need, not size."""

    INFO = 0
    WARNING = 1
    CRITICAL = 2

    @property
    def word(self) -> SeverityName:
        """The word the report uses."""
        words: tuple[SeverityName, ...] = ("info", "warning", "critical")
        return words[self]


class Subject(Record, frozen=True, kw_only=True):
    """Whom a finding is about. ``id`` tells apart what names cannot: a UUID, a PID, "node 0 zone Normal"."""

    kind: SubjectKind
    name: str
    id: str | None


class Because(Record, frozen=True, kw_only=True):
    """One line of proof: a plain sentence with its numbers, the source it was read from, the line there."""

    text: str
    source: str
    line: int | None


class Finding(Record, frozen=True, kw_only=True):
    """A cause that is present. ``confidence`` is a calibrated probability, 0 to 1."""

    cause: str
    subject: Subject
    severity: Severity
    confidence: float
    summary: str
    because: tuple[Because, ...]
    remedies: tuple[str, ...]


class Refuted(Record, frozen=True, kw_only=True):
    """A suspect that is cleared, and why."""

    cause: str
    because: tuple[Because, ...]


class Undetermined(Record, frozen=True, kw_only=True):
    """A cause that could not be judged, and the gaps that were in the way."""

    cause: str
    lacking: tuple[str, ...]


class Judgement(Record, frozen=True, kw_only=True):
    """What one rule says of one snapshot: any number of findings, or a clearance, or a lack."""

    findings: tuple[Finding, ...] = ()
    refuted: tuple[Because, ...] = ()
    lacking: tuple[str, ...] = ()


class Cause(Record, frozen=True, kw_only=True):
    """A cause of the catalogue. ``is_essential``: where it could not be judged, "healthy" is not said.

    ``judged`` says on what: a living host, only after a failure (from logs), or both.
    """

    id: str
    title: str
    is_essential: bool
    judged: JudgedOn
    examine: Callable[[Snapshot], Judgement]
