"""Ctrl-C as a wish: what acts looks at it where it can stop without harm, and says when it cannot.

Runs are carried out in a thread of the engine, so an exception in the main thread would stop nobody.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """Set by the first Ctrl-C while ``listening``; a second one interrupts as usual."""

    def __init__(self) -> None:
        self._made = threading.Event()

    def is_made(self) -> bool:
        """Whether somebody wants the run to stop."""
        return self._made.is_set()

    def make(self) -> None:
        """Wish that the run stops."""
        self._made.set()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Takes signals while it lasts. Only the main thread may."""
        before = {number: signal.signal(number, self._take) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _take(self, _number: int, _frame: FrameType | None) -> None:
        if self._made.is_set():
            raise KeyboardInterrupt
        self._made.set()
        sys.stderr.write("\nstopping as soon as that does no harm; once more interrupts at once\n")


STOP = StopRequest()
"""The one of this process."""
