"""``kvmedic plan``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from shlex import join
from typing import Annotated

import msgspec
from cyclopts import Parameter

from kvmedic.app.plan import compare_remedies, situation_of, write_plan
from kvmedic.cli.plan_wishes import NO_WISHES, PlanWishes
from kvmedic.cli.terminal import progress_on_stderr, stdout_terminal, write_out
from kvmedic.errors import UsageError
from kvmedic.model.plan import Plan
from kvmedic.model.policy import Policy
from kvmedic.model.request import CollectRequest
from kvmedic.plan.planner import recommended
from kvmedic.plan.runbook import RUNBOOKS, runbook
from kvmedic.plan.situation import Situation, Wishes
from kvmedic.render.emit_tunables import EmitFormat, render_emitted
from kvmedic.render.options_text import render_options
from kvmedic.render.plan_text import render_plan
from kvmedic.render.sanitise import for_json
from kvmedic.wiring import earlier_runs, host_marks, open_for, read_policy, with_fleet

EXACT = ("release-stranded-memory", "compact-memory", "migrate-domain")
"""Remedies whose forecast needs the whole page map; the others are content with a sample."""
SETTING = "tune-host"


def plan(
    target: str | None = None,
    /,
    *,
    remedy: str | None = None,
    domain: Annotated[list[str] | None, Parameter(negative=())] = None,
    output: Annotated[Path | None, Parameter(name=("--output", "-o"))] = None,
    policy: Path | None = None,
    wishes: PlanWishes = NO_WISHES,
    emit: EmitFormat | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Compare what could be done here, computed for this host now; or write one remedy down as a plan.

    Changes nothing.

    Parameters
    ----------
    target
        Nothing (this host), ssh://user@host (to move its guests), or a bundle (to compare).
    remedy
        The remedy to write a plan of; without it all are compared.
    domain
        The domain that is meant, by name or UUID. Named again: more domains, the first one as canary.
    output
        Where to write the plan (JSON, mode 0600); without it the plan is only shown.
    policy
        The policy file (TOML): hosts, protections, windows, cool-down.
    wishes
        What the remedies may do, and their limits.
    emit
        tune-host: print the settings for their owner (sysctl, tuned, ansible) instead of a plan.
    json
        The comparison, or the plan, as JSON.
    """
    chosen = SETTING if emit is not None and remedy is None else remedy
    _check_words(chosen, wishes, output=output, emit=emit)
    situation = _situation(target, chosen, read_policy(policy), wishes.for_domains(domain or []))
    if emit is not None:
        write_out(render_emitted(write_plan(situation, chosen or SETTING), emit))
        return 0
    if chosen is None:
        return _compare(situation, asked=_asked(target, policy), json=json)
    if output is None or json:
        then = "-o plan.json writes it down"
    else:
        then = f"carry it out: {join(['kvmedic', 'apply', str(output), *_asked(None, policy)])}"
    return _write(situation, chosen, output, then=then, json=json)


def _check_words(
    remedy: str | None, wishes: PlanWishes, *, output: Path | None, emit: EmitFormat | None
) -> None:
    """UsageError for words that nobody would listen to, before anything is read."""
    wishes.checked(remedy)
    if emit is not None and remedy != SETTING and not wishes.tune_host:
        raise UsageError(f"{remedy} sets nothing that could be emitted", hint="--emit is for tune-host.")
    if output is not None and (remedy is None or emit is not None):
        raise UsageError(
            "there is no plan to write" if emit is None else "--emit prints, it writes no plan",
            hint="Name the remedy of the plan: kvmedic plan --remedy REMEDY -o FILE.",
        )


def _situation(target: str | None, remedy: str | None, policy: Policy, wishes: Wishes) -> Situation:
    request = CollectRequest(is_deep=False, interval_s=1.0, page_map="full" if remedy in EXACT else "sampled")
    with progress_on_stderr() as progress:
        source = open_for(remedy, target)
        situation = situation_of(
            source,
            request,
            policy=policy,
            wishes=wishes,
            progress=progress,
            marks=host_marks(source.target.kind),
            runs=earlier_runs(source.target.kind),
        )
        return with_fleet(situation, source.target, progress)


def _asked(target: str | None, policy: Path | None) -> list[str]:
    """The words that named the target and the policy."""
    return [*([target] if target else ()), *(["--policy", str(policy)] if policy else ())]


def _compare(situation: Situation, *, asked: Sequence[str], json: bool) -> int:
    options = compare_remedies(situation)
    if json:
        _write_json(options)
        return 0
    terminal = stdout_terminal()
    write_out(
        render_options(
            options,
            recommended(options),
            width=terminal.width,
            colour=terminal.has_colour,
            asked=asked,
        )
    )
    return 0


def _write_json(content: object) -> None:
    text = msgspec.json.format(msgspec.json.encode(content)).decode()
    write_out(for_json(text) + "\n", encoding="utf-8")


def _write(situation: Situation, remedy: str, output: Path | None, *, then: str, json: bool) -> int:
    """``then`` says what to do with the plan."""
    if situation.is_local and remedy in RUNBOOKS and not json:
        write_out(runbook(situation, remedy))
    made = write_plan(situation, remedy)
    if output is not None:
        save(made, output)
    if json:
        _write_json(made)
        return 0
    write_out(render_plan(made))
    write_out(f"Nothing was changed; {then}\n")
    return 0


def save(made: Plan, output: Path) -> None:
    """Writes a plan for its owner's eyes only."""
    try:
        output.touch(mode=0o600)
        if output.is_file():
            output.chmod(0o600)
        output.write_bytes(msgspec.json.format(msgspec.json.encode(made)) + b"\n")
    except OSError as error:
        raise UsageError(
            f"{output} cannot be written: {error.strerror}", hint="Name another file with -o."
        ) from error
