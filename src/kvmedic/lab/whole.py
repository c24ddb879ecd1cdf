"""Everything once: each scenario with the remedy for its own cause, and beside it those that leave none.

Two streams, on two hosts at a time: experiments in this process; in a second one, the failures that are only
to be explained, without libvirt where it plays no part.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import signal
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection

from kvmedic.lab.bed import end_on_terminate
from kvmedic.lab.matrix import OWN_REMEDY
from kvmedic.lab.run import Outcome, explain_take
from kvmedic.lab.scenario import Scenario
from kvmedic.lab.scenarios import SCENARIOS
from kvmedic.lab.takes import make_takes

Say = Callable[[str], None]
Told = Mapping[str, bool]
WITHOUT_LIBVIRT = frozenset(
    {
        "atomic-reserve",
        "corrected-error",
        "fragmented",
        "hard-reset",
        "host-crash",
        "hwpoison",
        "kernel-bug",
        "kernel-growth",
        "machine-check",
        "manual-oom",
        "memcg",
        "memory-high",
        "numa",
        "oom-overcommit",
        "panic",
        "qemu-growth",
        "service-oom",
        "soft-lockup",
        "storage-stall",
        "watchdog-reset",
    }
)
"""Failures of the kernel or the machine: what they leave is the same, and made in half the time."""
SET_DEATH_SIGNAL = 1
"""prctl(2), PR_SET_PDEATHSIG."""


def explain_rest(kernel: str | None, say: Say) -> Iterator[Outcome]:
    """Each scenario that has no remedy to be tried, once, and what ``why`` says of it."""
    rest = [scenario for name, scenario in SCENARIOS.items() if name not in OWN_REMEDY]
    yield from _explain([row for row in rest if row.id in WITHOUT_LIBVIRT], kernel, say, has_libvirt=False)
    yield from _explain([row for row in rest if row.id not in WITHOUT_LIBVIRT], kernel, say, has_libvirt=True)


def _explain(
    scenarios: Sequence[Scenario], kernel: str | None, say: Say, *, has_libvirt: bool
) -> Iterator[Outcome]:
    rows = [(scenario, 0) for scenario in scenarios]
    for take in make_takes(rows, kernel, say, has_libvirt=has_libvirt):
        yield explain_take(take, SCENARIOS[take.scenario])


@contextmanager
def explained_beside(kernel: str | None, say: Say) -> Generator[Callable[[], Told], None, None]:
    """Explain the rest in a process beside this one; the yielded function waits for what it came to.

    It tells of each scenario that came about whether it was recognised. At the end of the block the process
    is gone, and its hosts with it; should this one be killed, that one is told to end.
    """
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_explain_for, args=(theirs, kernel, say))
    child.start()
    theirs.close()
    try:
        yield lambda: dict(_received(ours))
    finally:
        child.terminate()
        child.join()


def _explain_for(parent: Connection, kernel: str | None, say: Say) -> None:
    """The other process. Ctrl-C reaches both; this one ends when the first one tells it to."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(SET_DEATH_SIGNAL, signal.SIGTERM)
    end_on_terminate()
    for outcome in explain_rest(kernel, lambda text: say(f"    {text}")):
        say(f"    {outcome.scenario}: {'recognised' if outcome.is_recognised else 'NOT RECOGNISED'}")
        parent.send((outcome.scenario, outcome.is_recognised))


def _received(line: Connection) -> Iterator[tuple[str, bool]]:
    """What the other process sends, until it ends."""
    while True:
        try:
            yield line.recv()
        except EOFError:
            return
