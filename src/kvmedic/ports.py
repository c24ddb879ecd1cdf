"""Protocols for the outside world; each has a real adapter, and the pure rooms know neither."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from kvmedic.model.evidence import Evidence, Target
from kvmedic.model.plan import Plan, Step
from kvmedic.model.record import Record
from kvmedic.model.request import CollectRequest
from kvmedic.model.run import Entry, Intent, Run, RunLine, RunState, Sight

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


class Actor(Protocol):
    """Carries out one kind of action; ``intent`` is None before the first look of a step."""

    def look(self, step: Step, intent: Intent | None) -> Sight:
        """What is there now. A PreconditionFailedError where it cannot be seen."""
        ...

    def act(self, step: Step, intent: Intent, progress: Progress) -> None:
        """Make the change. ActionRefusedError: nothing changed; OutcomeUnknownError: look again."""
        ...

    def undo(self, step: Step, intent: Intent, progress: Progress) -> str | None:
        """Put back what ``intent.restores`` says was there, or say why there is nothing to put back any more.

        Errors as in ``act``.
        """
        ...


class Workflows(Protocol):
    """The durable engine behind ``apply``: a run goes on after a kill where it was cut."""

    def carry_out(
        self, run: str, plan: Plan, entries: Sequence[Entry], perform: Callable[[str], str]
    ) -> RunState:
        """Start the run, or go on after ``entries``; ``perform`` turns a move (JSON) into an entry (JSON)."""
        ...


class StepJournal(Protocol):
    """The append-only record of what the steps of a run did."""

    def entries(self, run: str) -> tuple[Entry, ...]:
        """The entries so far, in order."""
        ...

    def append(self, run: str, entry: Entry, /) -> None:
        """Add one entry; it is on the disk when this returns."""
        ...


class RunJournal(StepJournal, Protocol):
    """The store of whole runs."""

    def exists(self, run: str) -> bool:
        """Whether a run of this name was begun."""
        ...

    def lines(self, run: str) -> tuple[RunLine, ...]:
        """All lines of one run, in order; none where it was never begun."""
        ...

    def append(self, run: str, entry: RunLine, /) -> None:
        """Add one line; it is on the disk when this returns."""
        ...

    def load(self, run: str) -> Run:
        """One run as a record. UsageError where there is none of this name."""
        ...

    def all(self) -> tuple[Run, ...]:
        """All runs, oldest first."""
        ...
