"""Everything once: each scenario with the remedy for its own cause, and beside it those that leave none.

Two processes, on two hosts at a time: one measures remedies; the other one makes the failures that are only
to be explained (without libvirt where it plays no part), and then measures, too.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from multiprocessing.queues import SimpleQueue
from pathlib import Path

from kvmedic.lab.bed import end_on_terminate
from kvmedic.lab.experiment import Wanted
from kvmedic.lab.matrix import OWN_REMEDY, run_one
from kvmedic.lab.results import Result
from kvmedic.lab.run import Outcome, explain_take
from kvmedic.lab.scenario import Scenario
from kvmedic.lab.scenarios import SCENARIOS
from kvmedic.lab.takes import make_takes
from kvmedic.model.record import Record

Say = Callable[[str], None]
Todo = SimpleQueue[tuple[str, Wanted] | None]
"""What is to be measured, and which one of how many it is; None: no more."""
WITHOUT_LIBVIRT = frozenset(
    {
        "atomic-reserve",
        "corrected-error",
        "dirty-stall",
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
        "userspace-oom",
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


class Whole(Record, frozen=True, kw_only=True):
    """What became of everything."""

    results: tuple[Result, ...]
    recognised: dict[str, bool]
    """Of the scenarios that were only explained and came about: was their cause named first?"""


def run_whole(rows: Sequence[Wanted], kernel: str | None, save: Path | None, say: Say) -> Whole:
    """Measure ``rows`` and explain the rest, in two processes; who is done first takes the next row.

    At the end the other process is gone, and its hosts with it; should this one be killed, it ends by itself.
    """
    context = multiprocessing.get_context("fork")
    todo: Todo = context.SimpleQueue()
    for number, row in enumerate(rows, start=1):
        todo.put((f"{number} of {len(rows)} remedies", row))
    for _ in ("this process", "the other one"):
        todo.put(None)
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_work_beside, args=(todo, theirs, kernel, save, say))
    child.start()
    theirs.close()
    try:
        results = list(_measured(todo, save, say))
        told = list(_received(ours))
    finally:
        child.terminate()
        child.join()
    return Whole(
        results=(*results, *(what for what in told if isinstance(what, Result))),
        recognised=dict(what for what in told if not isinstance(what, Result)),
    )


def _work_beside(todo: Todo, parent: Connection, kernel: str | None, save: Path | None, say: Say) -> None:
    """The other process. Ctrl-C reaches both; this one ends when the first one tells it to."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(SET_DEATH_SIGNAL, signal.SIGTERM)
    end_on_terminate()

    def say_beside(text: str) -> None:
        say(f"    {text}")

    all_of_them = len(SCENARIOS) - len(OWN_REMEDY)
    for number, outcome in enumerate(explain_rest(kernel, say_beside), start=1):
        told = "recognised" if outcome.is_recognised else "NOT RECOGNISED"
        say_beside(f"[{number} of {all_of_them} failures] {outcome.scenario}: {told}")
        parent.send((outcome.scenario, outcome.is_recognised))
    for result in _measured(todo, save, say_beside):
        parent.send(result)


def _measured(todo: Todo, save: Path | None, say: Say) -> Iterator[Result]:
    """Take rows until there is none."""
    while (taken := todo.get()) is not None:
        which, row = taken
        say(f"[{which}]")
        if (result := run_one(row, save, say)) is not None:
            yield result


def _received(line: Connection) -> Iterator[Result | tuple[str, bool]]:
    """What the other process sends, until it ends."""
    while True:
        try:
            yield line.recv()
        except EOFError:
            return
