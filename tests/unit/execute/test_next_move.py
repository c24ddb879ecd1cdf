"""What next: a run that is cut after any entry goes on there, and no step is begun or acted on twice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from run_samples import step

from kvmedic.execute.next_move import Act, Ask, Begin, Finish, Move, next_move
from kvmedic.model.plan import Step
from kvmedic.model.run import Approval, Done, Entry, Intent, Outcome, Refusal, Reopened

AT = "2026-11-24T12:00:00Z"


def intent(number: int) -> Intent:
    return Intent(step=number, at=AT, before={}, restores={})


def done(number: int, outcome: Outcome = "done") -> Done:
    return Done(step=number, at=AT, outcome=outcome, after={}, detail="")


def approval(number: int, *, is_granted: bool = True) -> Approval:
    return Approval(step=number, at=AT, by="me", is_granted=is_granted)


def answer(move: Move, outcomes: dict[int, Outcome]) -> Entry:
    match move:
        case Ask():
            return approval(move.step)
        case Begin():
            return intent(move.step)
        case Act():
            return done(move.step, outcomes.get(move.step, "done"))
    raise AssertionError(move)


def whole_run(steps: list[Step], outcomes: dict[int, Outcome]) -> tuple[list[Entry], list[Move]]:
    entries: list[Entry] = []
    moves: list[Move] = []
    while not isinstance(move := next_move(steps, entries), Finish):
        moves.append(move)
        entries.append(answer(move, outcomes))
    return entries, [*moves, move]


STEPS = st.lists(st.booleans(), min_size=1, max_size=6).map(
    lambda kinds: [step(number, is_disruptive=kind) for number, kind in enumerate(kinds, start=1)]
)
OUTCOMES = st.dictionaries(
    st.integers(1, 6), st.sampled_from(["done", "already", "refused", "unknown"]), max_size=6
)


@given(steps=STEPS, outcomes=OUTCOMES)
def test_a_run_that_is_cut_after_any_entry_goes_on_exactly_there(
    steps: list[Step], outcomes: dict[int, Outcome]
) -> None:
    entries, moves = whole_run(steps, outcomes)

    for cut in range(len(entries) + 1):
        assert next_move(steps, entries[:cut]) == moves[cut]


@given(steps=STEPS, outcomes=OUTCOMES)
def test_no_step_is_begun_or_acted_on_twice_and_none_before_the_one_above_it_ended_well(
    steps: list[Step], outcomes: dict[int, Outcome]
) -> None:
    _, moves = whole_run(steps, outcomes)
    acted = [move.step for move in moves if isinstance(move, Act)]
    begun = [move.step for move in moves if isinstance(move, Begin)]

    assert acted == begun == sorted(set(acted))
    for number in acted[:-1]:
        assert outcomes.get(number, "done") in ("done", "already")


@given(steps=STEPS)
def test_every_disruptive_step_is_asked_about_before_it_is_begun(steps: list[Step]) -> None:
    _, moves = whole_run(steps, {})

    for each in steps:
        asked = Ask(step=each.number) in moves
        assert asked == each.is_disruptive
        if asked:
            assert moves.index(Ask(step=each.number)) < moves.index(Begin(step=each.number))


def test_an_interrupted_step_is_acted_on_which_begins_with_a_look() -> None:
    assert next_move([step(1)], [intent(1)]) == Act(step=1)


@pytest.mark.parametrize(
    ("last", "state"),
    [
        (approval(1, is_granted=False), "aborted"),
        (Refusal(step=1, at=AT, reasons=("no",)), "refused"),
        (done(1, "refused"), "refused"),
        (done(1, "unknown"), "unknown"),
    ],
)
def test_a_step_that_did_not_end_well_ends_the_run(last: Entry, state: str) -> None:
    assert next_move([step(1, is_disruptive=True), step(2)], [last]) == Finish(state=state)


def test_an_unknown_step_that_is_reopened_is_looked_at_and_its_gate_is_not_passed_again() -> None:
    reopened = Reopened(step=1, at=AT, by="me")

    assert next_move([step(1), step(2)], [intent(1), done(1, "unknown"), reopened]) == Act(step=1)
    assert next_move([step(1), step(2)], [intent(1), done(1, "unknown"), reopened, done(1)]) == Begin(step=2)


def test_a_run_without_steps_is_finished() -> None:
    assert next_move([], []) == Finish(state="finished")
