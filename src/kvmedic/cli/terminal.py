"""What the operator's terminal is like, and progress on it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from kvmedic.errors import OutputError
from kvmedic.model.record import Record
from kvmedic.ports import Progress

PIPE_WIDTH = 100
PATIENCE_S = 0.7
"""Progress shows only on what takes longer than this."""
_OUTPUT_HINT = "Free space there, or send the output elsewhere."


class Terminal(Record, frozen=True, kw_only=True):
    """How to write to stdout: colour only on a terminal that wants it."""

    width: int
    has_colour: bool
    encoding: str


def stdout_terminal() -> Terminal:
    """Looks at stdout. NO_COLOR and TERM=dumb are honoured (no-color.org)."""
    if sys.stdout is None:  # the caller closed it: nobody will read what we find
        raise OutputError("standard output is closed", hint=_OUTPUT_HINT)
    is_terminal = sys.stdout.isatty()
    plain = bool(os.environ.get("NO_COLOR")) or _is_dumb()
    return Terminal(
        width=_columns() if is_terminal else PIPE_WIDTH,
        has_colour=is_terminal and not plain,
        encoding=sys.stdout.encoding or "ascii",
    )


def _is_dumb() -> bool:
    return os.environ.get("TERM") == "dumb"


def _columns() -> int:
    try:
        return max(os.get_terminal_size(sys.stdout.fileno()).columns, 40)
    except OSError:
        return PIPE_WIDTH


@contextmanager
def progress_on_stderr() -> Iterator[Progress]:
    """A line on stderr that says what is going on, when stderr is a terminal and it takes a while.

    A dumb terminal cannot erase a line, so it gets none.
    """
    if sys.stderr is None or not sys.stderr.isatty() or _is_dumb():
        yield lambda _phrase, _share: None
        return
    begun = time.monotonic()
    shown = False

    def show(phrase: str, share: float | None) -> None:
        nonlocal shown
        if time.monotonic() - begun < PATIENCE_S:
            return
        shown = True
        percent = "" if share is None else f" {share:4.0%}"
        sys.stderr.write(f"\r\x1b[K{phrase[: _columns() - 8]}{percent}")
        sys.stderr.flush()

    try:
        yield show
    finally:
        if shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def write_out(text: str, *, encoding: str | None = None) -> None:
    """Writes text to stdout in ``encoding``, or in the locale's; what that cannot encode is escaped.

    OutputError where it cannot be written; BrokenPipeError where the reader went away.
    """
    if sys.stdout is None:
        raise OutputError("standard output is closed", hint=_OUTPUT_HINT)
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode(encoding or sys.stdout.encoding or "ascii", "backslashreplace"))
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        forget_stdout()
        reason = (error.strerror or "error").lower()
        raise OutputError(f"the output could not be written: {reason}", hint=_OUTPUT_HINT) from error


def forget_stdout() -> None:
    """Points stdout at nothing, or the interpreter complains once more when it flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
