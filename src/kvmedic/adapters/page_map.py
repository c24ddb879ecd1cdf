"""Ask a disposable child for a page map or for stranded ranges, and never wait for it for ever.

Reading a process's page tables waits for its mmap_lock; a process stuck in the kernel keeps the reader
waiting, unkillable. So a child reads. One that says nothing for a while is killed, left behind if it
cannot die, and the process it was stuck at is left out of a second attempt, as a gap.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from kvmedic.adapters.page_map_reader import Note, ReaderRequest
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.page_map import PageMap, StrandedRange
from kvmedic.model.page_map_request import PageMapRequest

Progress = Callable[[str, float | None], None]
_CHUNK_BYTES = 1 << 20
_LAST_WORDS_S = 1.0
LONGEST_START_S = 30.0
"""The child imports numpy: 0.2 s here, many seconds on a host under software emulation."""


class Deadlines(NamedTuple):
    """How long the child may take in all, and how long it may say nothing, in seconds."""

    total_s: float
    silence_s: float


DEFAULT_DEADLINES = Deadlines(total_s=120.0, silence_s=5.0)


def read_page_map(
    request: PageMapRequest, progress: Progress, deadlines: Deadlines = DEFAULT_DEADLINES
) -> PageMap | Missing:
    """The page map as requested. A domain whose process cannot be read in time becomes a gap of the map."""
    gaps: tuple[Missing, ...] = ()
    until = time.monotonic() + deadlines.total_s
    while True:
        note = _ask(
            ReaderRequest(map_request=request, ranges_of_pid=None), progress, until, deadlines.silence_s
        )
        if not isinstance(note, Missing):
            return _with_gaps(note, gaps)
        stuck = _stuck_domain(note, request)
        if stuck is None or time.monotonic() >= until:
            return note
        gaps = (*gaps, note)
        rest = tuple(domain for domain in request.domains if domain.pid != stuck)
        request = msgspec.structs.replace(request, domains=rest)


def read_stranded_ranges(
    request: PageMapRequest, pid: int, deadlines: Deadlines = DEFAULT_DEADLINES
) -> tuple[StrandedRange, ...] | Missing:
    """Where process ``pid`` maps folios with stranded pages; a gap where that cannot be known in time."""
    until = time.monotonic() + deadlines.total_s
    asked = ReaderRequest(map_request=request, ranges_of_pid=pid)
    note = _ask(asked, lambda *_: None, until, deadlines.silence_s)
    if isinstance(note, Missing):
        return note
    return note.ranges if note.ranges is not None else _gap_in(note)


def _with_gaps(note: Note, gaps: tuple[Missing, ...]) -> PageMap | Missing:
    if note.page_map is None:
        return _gap_in(note)
    return msgspec.structs.replace(note.page_map, gaps=(*note.page_map.gaps, *gaps))


def _gap_in(note: Note) -> Missing:
    nothing = Missing(source="page map", reason=Reason.NOT_UNDERSTOOD, detail="the reader said nothing")
    return note.gap or nothing


def _stuck_domain(gap: Missing, request: PageMapRequest) -> int | None:
    """The process that the child was stuck at, where it is one of ours."""
    if gap.reason is not Reason.TIMED_OUT:
        return None
    return next((d.pid for d in request.domains if gap.source == f"proc/{d.pid}/pagemap"), None)


def _ask(request: ReaderRequest, progress: Progress, until: float, silence_s: float) -> Note | Missing:
    """Start a child, listen to it, and take care that it ends or is left behind."""
    child = subprocess.Popen(
        [sys.executable, "-m", "kvmedic.adapters.page_map_reader"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        return _Listener(child, progress).hear(msgspec.json.encode(request), until, silence_s)
    finally:
        _end(child)


def _end(child: subprocess.Popen[bytes]) -> None:
    """Kill the child unless it has ended; a child that cannot die is left to the kernel."""
    for stream in (child.stdin, child.stdout):
        if stream is not None:
            stream.close()
    try:
        child.wait(_LAST_WORDS_S)
    except subprocess.TimeoutExpired:
        child.kill()
        try:
            child.wait(_LAST_WORDS_S)
        except subprocess.TimeoutExpired:
            # In uninterruptible sleep: it goes when the kernel lets it. We do not wait, now or at exit.
            child.returncode = -signal.SIGKILL


class _Listener:
    """Hears a child's lines until the last one, or until it has said nothing for too long."""

    def __init__(self, child: subprocess.Popen[bytes], progress: Progress) -> None:
        self._child, self._progress = child, progress
        self._at = "start"
        self._rest = b""

    def hear(self, request: bytes, until: float, silence_s: float) -> Note | Missing:
        """Its last note, or the gap that its silence leaves."""
        stdin, stdout = self._child.stdin, self._child.stdout
        if stdin is None or stdout is None:
            return self._gap(Reason.UNREACHABLE, "no pipe to the reader")
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            try:
                stdin.write(request)
                stdin.close()
            except BrokenPipeError:
                return self._gap(Reason.UNREACHABLE, "the reader ended at once")
            patience_s = LONGEST_START_S
            while (left := min(patience_s, until - time.monotonic())) > 0 and selector.select(left):
                patience_s = silence_s
                data = os.read(stdout.fileno(), _CHUNK_BYTES)
                if not data:
                    return self._gap(Reason.UNREACHABLE, "the reader ended without an answer")
                note = self._take(data)
                if note is not None:
                    return note
        return self._gap(Reason.TIMED_OUT, f"no answer in time, at {self._at}; the reader was given up")

    def _take(self, data: bytes) -> Note | None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            note = msgspec.json.decode(line, type=Note)
            if note.done:
                return note
            self._at = note.at
            self._progress(f"page map: {note.at}", note.share if note.at == "frames" else None)
        return None

    def _gap(self, reason: Reason, detail: str) -> Missing:
        kind, _, pid = self._at.partition(" ")
        source = f"proc/{pid}/pagemap" if kind == "domain" else "proc/kpageflags"
        return Missing(source=source, reason=reason, detail=detail)
