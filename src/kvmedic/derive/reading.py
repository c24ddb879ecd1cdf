"""From raw bytes to a record, or to the gap that stands for it: the one place where a ParseError stops."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from kvmedic.errors import ParseError
from kvmedic.model.evidence import Evidence
from kvmedic.model.gap import Missing, Reason

T = TypeVar("T")
TextParser = Callable[[str, str], T]


def read_with(evidence: Evidence, path: str, parse: TextParser[T]) -> T | Missing:
    """What ``parse`` makes of the first reading of ``path``; a gap where it is missing or not understood."""
    return parsed(evidence.read(path), path, parse)


def read_again_with(evidence: Evidence, path: str, parse: TextParser[T]) -> T | Missing:
    """The same of the second reading."""
    return parsed(evidence.read_again(path), path, parse)


def read_first_of(evidence: Evidence, *sources: tuple[str, TextParser[T]]) -> T | Missing:
    """The first of several sources that can be read and understood; else the gap of the first of them."""
    gap: Missing | None = None
    for path, parse in sources:
        found = read_with(evidence, path, parse)
        if not isinstance(found, Missing):
            return found
        gap = gap or found
    return gap or Missing(source="nothing", reason=Reason.NOT_COLLECTED, detail="no source was named")


def parsed(raw: bytes | Missing, source: str, parse: TextParser[T]) -> T | Missing:
    """``raw`` decoded (what is not UTF-8 is replaced) and parsed; what is not understood becomes a gap."""
    if isinstance(raw, Missing):
        return raw
    try:
        return parse(raw.decode(errors="replace"), source)
    except ParseError as error:
        return not_understood(source, error)


def not_understood(source: str, error: ParseError) -> Missing:
    """The gap that a ParseError leaves."""
    return Missing(source=source, reason=Reason.NOT_UNDERSTOOD, detail=str(error))
