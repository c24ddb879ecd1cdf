"""Absence as a value: what could not be read, and why. It is never zero, empty or healthy."""

from __future__ import annotations

from enum import StrEnum

from kvmedic.model.record import Record


class Reason(StrEnum):
    """Why something is missing."""

    NOT_FOUND = "not-found"
    """The source does not exist here (an older kernel, another configuration, no such process)."""
    DENIED = "denied"
    """It exists, and we may not read it (not root, container, lockdown)."""
    TIMED_OUT = "timed-out"
    """It did not answer within its deadline; whoever reads it may be stuck."""
    UNREACHABLE = "unreachable"
    """The service or host behind it cannot be reached."""
    NOT_UNDERSTOOD = "not-understood"
    """It was read, and its text is not what the source should say."""
    NOT_COLLECTED = "not-collected"
    """Nobody asked for it: costly (``--deep``), or this kind of target does not carry it."""
    UNSUPPORTED = "unsupported"
    """Measured nowhere on such a kernel or configuration, so no claim is made."""


class Missing(Record, frozen=True, kw_only=True):
    """A named gap. ``source`` is a path of evidence or the name of a fact, ``detail`` a phrase for people."""

    source: str
    reason: Reason
    detail: str

    def __str__(self) -> str:
        return f"{self.source}: {self.detail or self.reason.value}"


def first_missing(*facts: object) -> Missing | None:
    """The first of ``facts`` that is a gap, or None when all are there."""
    return next((fact for fact in facts if isinstance(fact, Missing)), None)
