"""A run without the engine: the moves one after the other, the real journal, switches for actors."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "execute"))
import msgspec
from run_samples import NOW, domain_now, world

from kvmedic.adapters.run_store import RunStore
from kvmedic.app.apply import Hands
from kvmedic.errors import ActionRefusedError, KvmedicError, PreconditionFailedError
from kvmedic.execute.next_move import Finish, next_move
from kvmedic.model.plan import Plan, Step
from kvmedic.model.run import Done, Entry, Intent, Measure, RunLine, RunState, Sight
from kvmedic.ports import Progress

RUN = "run-1"


class Moves:
    """As the engine, without its store."""

    def carry_out(
        self, run: str, plan: Plan, entries: Sequence[Entry], perform: Callable[[str], str]
    ) -> RunState:
        found = list(entries)
        while not isinstance(move := next_move(plan.steps, found), Finish):
            answer = perform(msgspec.json.encode(move).decode())
            found.append(msgspec.json.decode(answer, type=Entry))
        return move.state


class Switches:
    """Steps that are on or off; ``refuses_undo_of`` are put back by nobody."""

    def __init__(self) -> None:
        self.on: set[int] = set()
        self.refuses_undo_of: set[int] = set()
        self.raises: KvmedicError | None = None
        self.says: str | None = None

    def look(self, step: Step, intent: Intent | None) -> Sight:
        return Sight(is_reached=step.number in self.on, facts={}, restores={})

    def act(self, step: Step, intent: Intent, progress: Progress) -> None:
        if self.raises is not None:
            raise self.raises
        self.on.add(step.number)

    def undo(self, step: Step, intent: Intent, progress: Progress) -> str | None:
        if self.says is not None:
            return self.says
        if step.number in self.refuses_undo_of:
            raise ActionRefusedError(f"step {step.number} was changed by somebody since")
        self.on.discard(step.number)
        return None


class FullAfterActing(RunStore):
    """A disk that has room for no more results."""

    def append(self, run: str, entry: RunLine) -> None:
        if isinstance(entry, Done):
            raise PreconditionFailedError("the journal cannot be written: No space left on device")
        super().append(run, entry)


def measured(_plan: Plan) -> Measure:
    """Nothing that can be compared."""
    nothing = dict.fromkeys(Measure.__struct_fields__)
    return Measure(
        **{**nothing, "taken_at": "t", "pending_changes": (), "settings": {}, "findings": (), "serious": ()}
    )


def hands(store: RunStore, switches: Switches, approve: Callable[[Step], bool] = lambda _step: True) -> Hands:
    """Hands for runs of release steps."""
    return Hands(
        journal=store,
        workflows=Moves(),
        actors={"release-stranded": switches, "redefine-domain": switches},
        survey=lambda: world(domains=(domain_now(),)),
        measure=measured,
        glance=measured,
        approve=approve,
        by="tester",
        now=lambda: NOW,
        wait=lambda _seconds: None,
        is_stopped=lambda: False,
    )
