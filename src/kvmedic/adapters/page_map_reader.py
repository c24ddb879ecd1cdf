"""The disposable child that reads a page map: ``python -m kvmedic.adapters.page_map_reader``.

Standard input: one JSON request (``ReaderRequest``). Standard output: JSON lines (``Note``), the last
of which holds the answer. Before it touches a process it says so, for that read may never come back.
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from kvmedic.adapters.page_map_make import make_page_map
from kvmedic.adapters.page_map_ranges import stranded_ranges
from kvmedic.adapters.page_map_source import lower_own_priority
from kvmedic.errors import UsageError
from kvmedic.model.gap import Missing
from kvmedic.model.page_map import PageMap, StrandedRange
from kvmedic.model.page_map_request import PageMapRequest
from kvmedic.model.record import Record

_REPORT_STEP = 0.02


class ReaderRequest(Record, frozen=True, kw_only=True):
    """What the child shall do: a map, or the stranded ranges of one process of ``map_request``'s domains."""

    map_request: PageMapRequest
    ranges_of_pid: int | None


class Note(Record, frozen=True, kw_only=True):
    """One line of the child: where it is, or (with ``done``) what it found: one of the last three."""

    at: str
    share: float
    done: bool
    page_map: PageMap | None = None
    ranges: tuple[StrandedRange, ...] | None = None
    gap: Missing | None = None


def _say(note: Note) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(note) + b"\n")
    sys.stdout.buffer.flush()


class _Reporter:
    """Says each change of place, and each further two percent."""

    def __init__(self) -> None:
        self._last: tuple[str, float] = ("", -1.0)

    def __call__(self, at: str, share: float) -> None:
        if at != self._last[0] or share >= self._last[1] + _REPORT_STEP:
            self._last = (at, share)
            _say(Note(at=at, share=share, done=False))


def answer(request: ReaderRequest) -> Note:
    """Do what the request asks."""
    report = _Reporter()
    found: PageMap | tuple[StrandedRange, ...] | Missing
    if request.ranges_of_pid is None:
        found = make_page_map(request.map_request, report)
    else:
        found = stranded_ranges(request.map_request, request.ranges_of_pid, report)
    if isinstance(found, Missing):
        return Note(at="end", share=1.0, done=True, gap=found)
    if isinstance(found, PageMap):
        return Note(at="end", share=1.0, done=True, page_map=found)
    return Note(at="end", share=1.0, done=True, ranges=found)


def main() -> int:
    """Read the request, answer it; 2 where it was not understood."""
    try:
        request = msgspec.json.decode(sys.stdin.buffer.read(), type=ReaderRequest)
    except msgspec.MsgspecError as error:
        sys.stderr.write(f"{UsageError(f'not a request for a page map: {error}')}\n")
        return UsageError.code
    lower_own_priority(Path(request.map_request.proc))
    _say(answer(request))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
