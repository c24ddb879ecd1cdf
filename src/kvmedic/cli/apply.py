"""``kvmedic apply``."""

from __future__ import annotations

import re
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter

from kvmedic.cli.terminal import progress_on_stderr, write_out
from kvmedic.errors import OutcomeUnknownError, UsageError, WaitingError
from kvmedic.execute.plan_check import faults_of
from kvmedic.model.plan import Plan, Step
from kvmedic.model.run import Run
from kvmedic.render.plan_text import changed_something, render_plan, render_run

VERIFIED, REFUSED, UNKNOWN, NO_IMPROVEMENT, HALF_DONE = 0, 10, 11, 12, 16


def apply(
    plan: Path | None = None,
    *,
    resume: str | None = None,
    yes: Annotated[bool, Parameter(name=("--yes", "-y"), negative=())] = False,
    policy: Path | None = None,
    soak: str | None = None,
) -> int:
    """Carry a plan out, step by step; asks before each disruptive step; measures whether it helped.

    Parameters
    ----------
    plan
        A plan that kvmedic plan -o wrote.
    resume
        Go on with this run where it was cut.
    yes
        Agree to every disruptive step beforehand.
    policy
        The policy file (TOML).
    soak
        Watch for this long afterwards ("30m", "2h", "90s") whether the failure returns.
    """
    from kvmedic.wiring_act import acting, stopping  # noqa: PLC0415  the engine is loaded only by who acts

    if (plan is None) == (resume is None):
        raise UsageError("name a plan, or --resume a run", hint="See kvmedic runs for runs that were cut.")
    soak_s = None if soak is None else parse_span(soak)
    hands = acting(approve=_always if yes else _ask, policy=policy)
    if plan is not None:
        made, run = read_plan(plan), _new_run()
        write_out(f"{render_plan(made)}as {run}; should it be cut: kvmedic apply --resume {run}\n")
    else:
        made, run = hands.plan_of(str(resume)), str(resume)
    with interruptible(f"kvmedic apply --resume {run}"), stopping(), progress_on_stderr() as progress:
        finished = hands.apply(made, run, progress)
        if soak_s is not None and finished.verification is not None:
            finished = hands.soak(run, soak_s, progress)
    write_out(render_run(finished, is_under_way=False))
    return exit_code_of(finished)


@contextmanager
def interruptible(command: str) -> Iterator[None]:
    """A second Ctrl-C ends it where it stands: nobody may say then that nothing was changed."""
    try:
        yield
    except KeyboardInterrupt:
        raise OutcomeUnknownError(
            "interrupted at once; what was being done may still come about",
            hint=f"{command} looks before it does anything.",
        ) from None


def parse_span(text: str) -> float:
    """Seconds of "90s", "30m", "2h" or a plain number. UsageError for anything else."""
    match = re.fullmatch(r"([0-9]{1,6})([smh]?)", text.strip())
    if match is None or int(match[1]) == 0:
        raise UsageError(f"{text!r} is no span of time", hint="Write it as 90s, 30m or 2h.")
    return float(int(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]])


def exit_code_of(run: Run) -> int:
    """0 verified, 10 refused, nothing changed, 11 unknown, 12 no improvement, 16 only half of it was done."""
    if run.state in ("refused", "aborted"):
        return HALF_DONE if changed_something(run) else REFUSED
    if run.state != "finished":
        return UNKNOWN
    if run.soak is not None and run.soak.verdict == "returned":
        return NO_IMPROVEMENT
    helped = run.verification.helped if run.verification else "undetermined"
    return {"improved": VERIFIED, "undetermined": UNKNOWN}.get(helped, NO_IMPROVEMENT)


def read_plan(path: Path) -> Plan:
    """A plan from its file. UsageError where it cannot be read, is not one, or does not hang together."""
    made = _decoded(path)
    faults = faults_of(made)
    if faults:
        raise UsageError(
            f"{path} is not a plan that can be carried out: {'; '.join(faults)}",
            hint="Make it with kvmedic plan -o, and leave it as it is.",
        )
    return made


def _decoded(path: Path) -> Plan:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Plan)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read: {error.strerror}", hint="kvmedic plan -o writes one."
        ) from error
    except msgspec.DecodeError as error:
        raise UsageError(f"{path} is not a plan: {error}", hint="kvmedic plan -o writes one.") from error


def _new_run() -> str:
    return f"run-{secrets.token_hex(4)}"


def _always(_step: Step) -> bool:
    return True


def _ask(step: Step) -> bool:
    if not sys.stdin.isatty():
        raise WaitingError(
            f"step {step.number} ({step.title}) is disruptive, and there is no terminal to ask at",
            hint="Go on with kvmedic apply --resume RUN --yes, or from a terminal.",
        )
    sys.stderr.write(f"step {step.number} is disruptive: {step.title}. Do it? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")
