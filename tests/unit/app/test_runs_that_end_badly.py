"""Runs that cannot be written down, wait for an answer, or are taken back in part: what is said of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from run_harness import RUN, FullAfterActing, Switches, hands
from run_samples import plan, step

from kvmedic.adapters.run_store import RunStore
from kvmedic.app.apply import apply_plan
from kvmedic.app.performing import named
from kvmedic.app.undo import undo_run
from kvmedic.cli.apply import exit_code_of as applied_code
from kvmedic.cli.undo import exit_code_of
from kvmedic.errors import (
    ActionRefusedError,
    OutcomeUnknownError,
    PreconditionFailedError,
    StoppedError,
    WaitingError,
)
from kvmedic.model.plan import Step
from kvmedic.model.run import Run
from kvmedic.render.plan_text import render_run

PLAN = plan(step(1), step(2))


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


def applied(store: RunStore, switches: Switches) -> Run:
    return apply_plan(PLAN, RUN, hands(store, switches), lambda *_: None)


def undone(store: RunStore, switches: Switches) -> Run:
    return undo_run(RUN, hands(store, switches), lambda *_: None)


def test_what_was_done_and_cannot_be_written_down_is_never_called_unchanged(tmp_path: Path) -> None:
    switches = Switches()
    with pytest.raises(OutcomeUnknownError, match=r"step 1 .* ended as done, and the journal") as caught:
        applied(FullAfterActing(tmp_path / "runs"), switches)
    resumed = applied(RunStore(tmp_path / "runs"), switches)

    assert "kvmedic apply --resume run-1 looks at it again" in str(caught.value.hint)
    assert resumed.state == "finished"
    assert switches.on == {1, 2}


def test_who_waits_for_an_answer_is_told_the_name_of_the_run(store: RunStore) -> None:
    def nobody(_step: Step) -> bool:
        raise WaitingError("nobody can be asked", hint="Go on with kvmedic apply --resume RUN --yes.")

    asking = plan(step(1, is_disruptive=True))
    with pytest.raises(WaitingError) as caught:
        apply_plan(asking, RUN, hands(store, Switches(), nobody), lambda *_: None)

    assert caught.value.hint == "Go on with kvmedic apply --resume run-1 --yes."


def test_who_stopped_it_is_told_the_name_of_the_run(store: RunStore) -> None:
    switches = Switches()
    switches.raises = StoppedError("stopped", hint="kvmedic apply --resume goes on.")

    with pytest.raises(StoppedError) as caught:
        applied(store, switches)

    assert caught.value.hint == "kvmedic apply --resume run-1 goes on."


def test_a_run_that_is_declined_half_way_is_not_called_unchanged(store: RunStore) -> None:
    asking = plan(step(1), step(2, is_disruptive=True))

    half = apply_plan(asking, RUN, hands(store, Switches(), lambda _step: False), lambda *_: None)
    nothing = apply_plan(
        plan(step(1, is_disruptive=True)),
        "run-2",
        hands(store, Switches(), lambda _step: False),
        lambda *_: None,
    )

    assert (half.state, applied_code(half)) == ("aborted", 16)
    assert "to take it back: kvmedic undo run-1" in render_run(half, is_under_way=False)
    assert (nothing.state, applied_code(nothing)) == ("aborted", 10)
    assert "kvmedic undo" not in render_run(nothing, is_under_way=False)


def test_a_hint_is_named_once_and_others_are_left_alone() -> None:
    assert named("kvmedic apply --resume run-7 goes on.", "run-7") == "kvmedic apply --resume run-7 goes on."
    assert named("See virsh list.", "run-7") == "See virsh list."
    assert named(None, "run-7") is None


def test_an_undo_that_is_refused_at_once_leaves_the_run_what_it_was(store: RunStore) -> None:
    switches = Switches()
    applied(store, switches)
    switches.refuses_undo_of = {2}

    refused = undone(store, switches)

    assert refused.state == "finished"
    assert exit_code_of(refused) == 17
    assert switches.on == {1, 2}
    assert "undo refused by tester: step 2 was changed" in render_run(refused, is_under_way=False)
    assert "--resume" not in render_run(refused, is_under_way=False)


def test_an_undo_that_got_half_way_is_gone_on_with_by_undo_and_never_by_resume(store: RunStore) -> None:
    switches = Switches()
    applied(store, switches)
    switches.refuses_undo_of = {1}

    half = undone(store, switches)
    with pytest.raises(PreconditionFailedError, match="partly undone"):
        applied(store, switches)
    switches.refuses_undo_of = set()
    whole = undone(store, switches)

    assert (half.state, exit_code_of(half)) == ("unknown", 11)
    assert "to go on with undoing it: kvmedic undo run-1" in render_run(half, is_under_way=False)
    assert (whole.state, exit_code_of(whole), switches.on) == ("undone", 0, set())


def test_an_undo_that_finds_nothing_left_to_put_back_says_why(store: RunStore) -> None:
    switches = Switches()
    applied(store, switches)
    switches.says = "it was started again since"

    taken_back = undone(store, switches)

    assert taken_back.state == "undone"
    assert "undo already by tester: it was started again since" in render_run(taken_back, is_under_way=False)


def test_a_second_undo_says_when_it_was_undone(store: RunStore) -> None:
    switches = Switches()
    applied(store, switches)
    undone(store, switches)

    with pytest.raises(ActionRefusedError, match="was undone already, 2026-11-24T12:00:00Z"):
        undone(store, switches)
