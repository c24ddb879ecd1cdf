"""The verb undo: put back, last step first, what the steps of a run found before they changed it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC

from kvmedic.app.apply import Hands, plan_of
from kvmedic.errors import ActionRefusedError, KvmedicError
from kvmedic.model.plan import Step
from kvmedic.model.run import Done, Intent, Outcome, Reopened, Run, RunEnded, Undone
from kvmedic.ports import Progress


def undo_run(run: str, hands: Hands, progress: Progress) -> Run:
    """Undoes every step that was done. ActionRefusedError where none of them can be undone.

    A step that leaves nothing to put back (a release, a power cycle) is passed over and said. Where the first
    undo is refused, the run stays what it was.
    """
    plan = plan_of(run, hands.journal)
    done = [step for step in plan.steps if _was_done(step, run, hands)]
    if not any(step.is_reversible for step in done):
        raise _nothing_to_undo(run, hands)
    outcomes = [entry.outcome for entry in _undone(reversed(done), run, hands, progress)]
    if set(outcomes) <= {"done", "already"}:
        hands.journal.append(run, RunEnded(at=_at(hands), state="undone"))
    elif "done" in outcomes or "unknown" in outcomes:
        hands.journal.append(run, RunEnded(at=_at(hands), state="unknown"))
    return hands.journal.load(run)


def _nothing_to_undo(run: str, hands: Hands) -> ActionRefusedError:
    """Somebody may have done it before; otherwise it is the remedy's own kind."""
    found = hands.journal.load(run)
    if found.state == "undone":
        return ActionRefusedError(
            f"run {run} was undone already, {found.ended_at}; nothing was touched",
            hint=f"See kvmedic runs {run}.",
        )
    return ActionRefusedError(
        f"run {run} has no step that can be undone; nothing was touched",
        hint="docs/remedies says of each remedy how it is taken back.",
    )


def _undone(steps: Iterable[Step], run: str, hands: Hands, progress: Progress) -> Iterator[Undone]:
    """Each step put back and written down, until one is not: what is below it may rest on it."""
    for step in steps:
        entry = _undo(step, run, hands, progress) if step.is_reversible else _passed_over(step, run, hands)
        hands.journal.append(run, entry)
        yield entry
        if entry.outcome not in ("done", "already"):
            return


def _was_done(step: Step, run: str, hands: Hands) -> bool:
    """Done, unknown, or begun and cut: then it may have acted, and its undo looks before it does anything."""
    undone = [u.outcome for u in hands.journal.lines(run) if isinstance(u, Undone) and u.step == step.number]
    mine = [entry for entry in hands.journal.entries(run) if entry.step == step.number]
    if undone[-1:] in (["done"], ["already"]) or not mine:
        return False
    last = mine[-1]
    return isinstance(last, Intent | Reopened) or (
        isinstance(last, Done) and last.outcome in ("done", "unknown")
    )


def _passed_over(step: Step, run: str, hands: Hands) -> Undone:
    """A look, all the same: it settles what a killed step may have left (memory.swap.max at 0)."""
    detail = "there is nothing to put back"
    with suppress(KvmedicError):
        hands.actors[str(step.action.__struct_config__.tag)].look(step, _intent_of(step, run, hands))
    return Undone(step=step.number, at=_at(hands), by=hands.by, outcome="already", detail=detail)


def _undo(step: Step, run: str, hands: Hands, progress: Progress) -> Undone:
    intent = _intent_of(step, run, hands)
    outcome: Outcome = "done"
    detail = ""
    try:
        said = hands.actors[str(step.action.__struct_config__.tag)].undo(step, intent, progress)
        if said is not None:
            outcome, detail = "already", said
    except KvmedicError as error:
        outcome = "refused" if isinstance(error, ActionRefusedError) else "unknown"
        detail = error.message
    return Undone(step=step.number, at=_at(hands), by=hands.by, outcome=outcome, detail=detail)


def _intent_of(step: Step, run: str, hands: Hands) -> Intent:
    entries = hands.journal.entries(run)
    return next(e for e in reversed(entries) if isinstance(e, Intent) and e.step == step.number)


def _at(hands: Hands) -> str:
    return hands.now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
