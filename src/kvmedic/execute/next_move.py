"""What next: a pure function of the plan's steps and the journal so far.

A run can be cut after any entry and goes on from there: a step that has an intent and no end is looked at,
never repeated blindly.
"""

from __future__ import annotations

from collections.abc import Sequence

from kvmedic.model.plan import Step
from kvmedic.model.record import Record
from kvmedic.model.run import Approval, Done, Entry, Intent, Refusal, Reopened, RunState


class Ask(Record, frozen=True, kw_only=True, tag="ask"):
    """Ask the operator before this disruptive step."""

    step: int


class Begin(Record, frozen=True, kw_only=True, tag="begin"):
    """Pass the gate of this step, and write down the intent with what is there before."""

    step: int


class Act(Record, frozen=True, kw_only=True, tag="act"):
    """Look, act where it is still to be done, look again; an interrupted step enters at the first look."""

    step: int


class Finish(Record, frozen=True, kw_only=True, tag="finish"):
    """Nothing more is to be done; ``state`` says how the run ended."""

    state: RunState


Move = Ask | Begin | Act | Finish
_ENDS: dict[str, RunState] = {"refused": "refused", "unknown": "unknown"}


def next_move(steps: Sequence[Step], entries: Sequence[Entry]) -> Move:
    """The one next thing to do. The same entries always give the same move."""
    for step in steps:
        move = _move_of(step, [entry for entry in entries if entry.step == step.number])
        if move is not None:
            return move
    return Finish(state="finished")


def _move_of(step: Step, entries: Sequence[Entry]) -> Move | None:
    """The move of one step, or None where it is done and the next one's turn has come."""
    if not entries:
        return Ask(step=step.number) if step.is_disruptive else Begin(step=step.number)
    match entries[-1]:
        case Approval(is_granted=True):
            return Begin(step=step.number)
        case Approval():
            return Finish(state="aborted")
        case Refusal():
            return Finish(state="refused")
        case Intent() | Reopened():
            return Act(step=step.number)
        case Done(outcome=outcome):
            return Finish(state=_ENDS[outcome]) if outcome in _ENDS else None
