"""Performs one move of a run: asks, passes the gate, acts between two looks; writes each entry down first.

Whatever was written to the journal stands: a move whose entry is there already, because the process was
killed before the engine knew, gives that entry again and does nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import msgspec

from kvmedic.errors import (
    ActionRefusedError,
    KvmedicError,
    OutcomeUnknownError,
    PreconditionFailedError,
    StoppedError,
)
from kvmedic.execute.gate import World, reasons_against
from kvmedic.execute.next_move import Act, Ask, Begin, Move
from kvmedic.model.plan import Plan, Step
from kvmedic.model.run import Approval, Done, Entry, Intent, Outcome, Refusal, Sight
from kvmedic.ports import Actor, Progress, StepJournal

NOTHING_SEEN = Sight(is_reached=False, facts={}, restores={})
Survey = Callable[[], World]
Approve = Callable[[Step], bool]
"""Asks the operator; raises WaitingError where there is nobody to ask."""


class Performer:
    """One run's hands. ``actors`` are by the tag of the action they carry out."""

    def __init__(
        self,
        plan: Plan,
        run: str,
        journal: StepJournal,
        *,
        actors: Mapping[str, Actor],
        survey: Survey,
        approve: Approve,
        by: str,
        now: Callable[[], datetime],
        progress: Progress,
        is_stopped: Callable[[], bool],
    ) -> None:
        self._steps = {step.number: step for step in plan.steps}
        self._plan, self._run, self._journal = plan, run, journal
        self._actors, self._survey, self._approve = actors, survey, approve
        self._by, self._now, self._progress = by, now, progress
        self._is_stopped = is_stopped

    def __call__(self, move_json: str) -> str:
        """The entry (JSON) that answers a move (JSON)."""
        move: Ask | Begin | Act = msgspec.json.decode(move_json, type=Ask | Begin | Act)
        try:
            entry = self._already(move) or self._perform(move)
        except KvmedicError as error:
            error.hint = named(error.hint, self._run)
            raise
        return msgspec.json.encode(entry).decode()

    def _already(self, move: Move) -> Entry | None:
        answers: dict[type, tuple[type, ...]] = {Ask: (Approval,), Begin: (Intent, Refusal), Act: (Done,)}
        step = getattr(move, "step", None)
        mine = [entry for entry in self._journal.entries(self._run) if entry.step == step]
        return mine[-1] if mine and isinstance(mine[-1], answers[type(move)]) else None

    def _perform(self, move: Ask | Begin | Act) -> Entry:
        step = self._steps[move.step]
        if not isinstance(move, Act) and self._is_stopped():
            raise StoppedError(
                f"stopped before step {step.number} ({step.title}); nothing of it was touched",
                hint=f"Go on with kvmedic apply --resume {self._run}.",
            )
        match move:
            case Ask():
                granted = self._approve(step)
                return self._write(Approval(step=step.number, at=self._at(), by=self._by, is_granted=granted))
            case Begin():
                return self._write(self._begin(step))
            case Act():
                return self._write_down(step, self._act(step))

    def _begin(self, step: Step) -> Intent | Refusal:
        reasons = reasons_against(step, self._plan, self._survey())
        if reasons:
            return Refusal(step=step.number, at=self._at(), reasons=reasons)
        try:
            sight = self._actor(step).look(step, None)
        except PreconditionFailedError as error:
            return Refusal(step=step.number, at=self._at(), reasons=(error.message,))
        before = {**sight.facts, "is_reached": int(sight.is_reached)}
        return Intent(step=step.number, at=self._at(), before=before, restores=sight.restores)

    def _act(self, step: Step) -> Done:
        intent = self._intent(step)
        actor = self._actor(step)
        try:
            sight = actor.look(step, intent)
        except (PreconditionFailedError, OutcomeUnknownError) as error:
            return self._done(step, "unknown", NOTHING_SEEN, f"it cannot be looked at: {error.message}")
        if sight.is_reached:
            outcome: Outcome = "already" if intent.before.get("is_reached") else "done"
            return self._done(step, outcome, sight, "it was so when looked at")
        try:
            actor.act(step, intent, self._progress)
        except ActionRefusedError as error:
            return self._done(step, "refused", sight, error.message)
        except (OutcomeUnknownError, PreconditionFailedError) as error:
            return self._after_silence(step, intent, error.message)
        return self._after_silence(step, intent, "")

    def _after_silence(self, step: Step, intent: Intent, said: str) -> Done:
        """Whatever the act said, or did not say: the outcome is what a look shows."""
        try:
            sight = self._actor(step).look(step, intent)
        except (PreconditionFailedError, OutcomeUnknownError) as error:
            detail = f"{said}; {error.message}" if said else error.message
            return self._done(step, "unknown", NOTHING_SEEN, detail)
        if sight.is_reached:
            return self._done(step, "done", sight, said)
        return self._done(step, "unknown", sight, said or "the aim was not reached")

    def _done(self, step: Step, outcome: Outcome, sight: Sight, detail: str) -> Done:
        return Done(step=step.number, at=self._at(), outcome=outcome, after=sight.facts, detail=detail)

    def _intent(self, step: Step) -> Intent:
        entries = self._journal.entries(self._run)
        return next(e for e in reversed(entries) if isinstance(e, Intent) and e.step == step.number)

    def _actor(self, step: Step) -> Actor:
        return self._actors[str(step.action.__struct_config__.tag)]

    def _write_down(self, step: Step, done: Done) -> Done:
        """What was done, once it is on the disk; where it cannot be, nothing may be called unchanged."""
        try:
            self._journal.append(self._run, done)
        except PreconditionFailedError as error:
            raise OutcomeUnknownError(
                f"step {step.number} ({step.title}) ended as {done.outcome}, and {error.message}",
                hint="Make room, then kvmedic apply --resume RUN looks at it again.",
            ) from error
        return done

    def _write(self, entry: Entry) -> Entry:
        self._journal.append(self._run, entry)
        return entry

    def _at(self) -> str:
        return self._now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def named(hint: str | None, run: str) -> str | None:
    """The hint with the run's name where it tells to go on: whoever raised it does not know the name."""
    return None if hint is None else re.sub(r"--resume\b(?: RUN\b)?(?! run-)", f"--resume {run}", hint)
