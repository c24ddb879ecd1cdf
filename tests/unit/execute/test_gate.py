"""The gate before a step: every doubt closes it, and every reason is said."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from run_samples import BALLOON, CORDON, CYCLE, NOW, REDEFINE, RESERVE, domain_now, option, plan, step, world

from kvmedic.execute.gate import reasons_against
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.policy import Policy, Window
from kvmedic.model.run import Run

GONE = Missing(source="proc", reason=Reason.DENIED, detail="permission denied")
DISRUPTIVE = step(1, CYCLE, is_disruptive=True)


def earlier_run(**changes: Any) -> Run:
    ordinary = Run(
        id="run-0",
        plan_id="plan-0",
        by="ann",
        begun_at="2026-11-24T11:50:00Z",
        ended_at="2026-11-24T11:51:00Z",
        state="finished",
        remedies=("release-stranded-memory",),
        subject="web-1",
        steps=(),
        entries=(),
        undone=(),
        verification=None,
        soak=None,
    )
    return msgspec.structs.replace(ordinary, **changes)


def reasons(one: Any = None, *, of: Any = None, **changes: Any) -> str:
    chosen = one or step(1)
    return "; ".join(reasons_against(chosen, of or plan(chosen), world(**changes)))


def test_an_unchanged_world_opens_the_gate() -> None:
    assert reasons() == ""


def test_an_expired_plan_is_refused() -> None:
    assert reasons(now=NOW + timedelta(days=1)) == "the plan expired at 2026-11-25T11:00:00Z"


@pytest.mark.parametrize(
    ("boot_id", "said"),
    [
        ("boot-2", "kvm-1 was booted since the plan was made"),
        (GONE, "the boot id of kvm-1 could not be read"),
    ],
)
def test_another_boot_or_an_unknown_one_is_refused(boot_id: object, said: str) -> None:
    assert said in reasons(boot_id=boot_id)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"pid": 43}, "started again since the plan was made (PID 43)"),
        ({"start_ticks": 8}, "started again since the plan was made"),
        ({"pid": None}, "does not run now"),
        ({"managed_by": "nova"}, "is now managed by nova, not libvirt"),
        ({"definition_digest": "digest-2"}, "the definition of web-1 was changed since the plan was made"),
        ({"definition_digest": None}, "the definition of web-1 could not be read now"),
    ],
)
def test_a_domain_that_changed_is_refused_and_the_change_is_named(change: Any, said: str) -> None:
    assert said in reasons(domains=(domain_now(**change),))


def test_a_domain_that_vanished_is_refused() -> None:
    assert reasons(domains=()) == "domain web-1 is gone"


def test_domains_that_cannot_be_listed_are_refused() -> None:
    assert "the domains could not be listed" in reasons(domains=GONE)


def test_a_name_alone_does_not_pass_for_the_domain() -> None:
    assert "is gone" in reasons(domains=(domain_now(uuid="u-2"),))


def test_the_plans_own_earlier_steps_may_change_definition_and_process() -> None:
    steps = (step(1, REDEFINE), step(2, CYCLE, is_disruptive=True), step(3, BALLOON))
    made = plan(*steps)
    redefined = (domain_now(definition_digest="digest-2"),)
    cycled = (domain_now(definition_digest="digest-2", pid=99),)

    assert "changed" in reasons(steps[0], of=made, domains=redefined)
    assert reasons(steps[1], of=made, domains=redefined) == ""
    assert "started again" in reasons(steps[1], of=made, domains=cycled)
    assert reasons(steps[2], of=made, domains=cycled) == ""


def test_a_protected_domain_is_not_disrupted_and_may_be_released() -> None:
    policy = Policy(protected_domains=("web-1",))

    assert "domain web-1 is protected by the policy" in reasons(DISRUPTIVE, policy=policy)
    assert reasons(policy=policy) == ""


@pytest.mark.parametrize(
    ("days", "begins", "ends", "is_open"),
    [
        (("tue",), "11:00", "13:00", True),
        (("tue",), "12:00", "12:01", True),
        (("tue",), "11:00", "12:00", False),
        (("wed",), "11:00", "13:00", False),
    ],
)
def test_disruptive_steps_begin_in_a_window_only(days: Any, begins: str, ends: str, is_open: bool) -> None:
    policy = Policy(windows=(Window(days=days, begins=begins, ends=ends),))

    assert (reasons(DISRUPTIVE, policy=policy) == "") == is_open
    assert reasons(policy=policy) == ""


def test_a_window_may_last_over_midnight() -> None:
    policy = Policy(windows=(Window(days=("mon",), begins="22:00", ends="13:00"),))

    assert reasons(DISRUPTIVE, policy=policy) == ""
    assert "no window" in reasons(DISRUPTIVE, policy=policy, now=NOW + timedelta(hours=1))


def test_the_same_remedy_for_the_same_subject_cools_down() -> None:
    assert "ran for web-1 10 min ago (run run-0); the policy waits" in reasons(runs=(earlier_run(),))


def test_a_domain_that_followed_a_canary_cools_down_like_the_canary() -> None:
    followed = earlier_run(subject="db-1", steps=(step(1),))

    assert "ran for web-1 10 min ago (run run-0); the policy waits" in reasons(runs=(followed,))


@pytest.mark.parametrize(
    "change",
    [
        {"state": "refused"},
        {"state": "undone"},
        {"subject": "db-1"},
        {"remedies": ("compact-memory",)},
        {"begun_at": "2026-11-24T10:00:00Z"},
        {"plan_id": "plan-1"},
    ],
)
def test_other_runs_and_those_that_did_nothing_do_not_hold_it_up(change: Any) -> None:
    assert reasons(runs=(earlier_run(**change),)) == ""


def test_a_second_step_does_not_wait_for_the_first_one() -> None:
    made = plan(step(1), step(2))

    assert reasons(made.steps[1], of=made, runs=(earlier_run(),)) == ""


def test_runs_that_cannot_be_read_close_the_gate() -> None:
    assert "earlier runs could not be read" in reasons(runs=GONE)


@pytest.mark.parametrize(
    ("one", "may"),
    [(step(1), True), (step(1, CORDON), True), (step(1, BALLOON), False), (step(1, RESERVE), False)],
)
def test_a_strained_host_is_only_relieved(one: Any, may: bool) -> None:
    said = reasons(one, strain="zone Normal of node 0 is below its low watermark")

    assert (said == "") == may
    assert may or "the host is strained: zone Normal" in said


def test_all_reasons_are_told_at_once() -> None:
    said = reasons_against(
        DISRUPTIVE, plan(DISRUPTIVE, option=option()), world(boot_id="boot-2", domains=(), strain="s")
    )

    assert len(said) == 3
