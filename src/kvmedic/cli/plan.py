"""``kvmedic plan``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from cyclopts import Parameter

from kvmedic.app.plan import compare_remedies, situation_of, write_plan
from kvmedic.cli.terminal import progress_on_stderr, stdout_terminal, write_out
from kvmedic.errors import UsageError
from kvmedic.model.plan import Plan
from kvmedic.model.request import CollectRequest
from kvmedic.plan.planner import recommended
from kvmedic.plan.runbook import RUNBOOKS, runbook
from kvmedic.plan.situation import Situation, Wishes
from kvmedic.render.emit_tunables import EmitFormat, render_emitted
from kvmedic.render.options_text import render_options
from kvmedic.render.plan_text import render_plan
from kvmedic.render.sanitise import for_json
from kvmedic.units import GIB, KIB, MIB, TIB
from kvmedic.wiring import earlier_runs, host_marks, open_for, read_policy, with_fleet

Flag = Parameter(negative=())
EXACT = ("release-stranded-memory", "compact-memory", "migrate-domain")
"""Remedies whose forecast needs the whole page map; the others are content with a sample."""


def plan(
    target: str | None = None,
    /,
    *,
    remedy: str | None = None,
    domain: Annotated[list[str] | None, Parameter(negative=())] = None,
    output: Annotated[Path | None, Parameter(name=("--output", "-o"))] = None,
    policy: Path | None = None,
    to: str | None = None,
    migrate_uri: str | None = None,
    target_size: Annotated[str | None, Parameter(name="--target")] = None,
    tune_host: Annotated[bool, Flag] = False,
    emit: EmitFormat | None = None,
    power_cycle: Annotated[bool, Flag] = False,
    post_copy: Annotated[bool, Flag] = False,
    auto_converge: Annotated[bool, Flag] = False,
    balloon_none: Annotated[bool, Flag] = False,
    bandwidth: int | None = None,
    downtime_limit: int | None = None,
    timeout: float | None = None,
    tunnelled: Annotated[bool, Flag] = False,
    via: Literal["ssh", "redfish", "ipmi"] | None = None,
    bring_home: Annotated[bool, Flag] = False,
    json: Annotated[bool, Flag] = False,
) -> int:
    """Compare what could be done here, computed for this host now; or write one remedy down as a plan.

    Changes nothing.

    Parameters
    ----------
    target
        Nothing (this host), or a bundle: then only the comparison.
    remedy
        The remedy to write a plan of; without it all are compared.
    domain
        The domain that is meant, by name or UUID. Named again: more domains, the first one as canary.
    output
        Where to write the plan (JSON, mode 0600); without it the plan is only shown.
    policy
        The policy file (TOML): hosts, protections, windows, cool-down.
    to
        The libvirt URI of the destination of a migration.
    migrate_uri
        The address the migration's data goes to (tcp://ADDRESS), where names do not resolve.
    target_size
        deflate-balloon: give the guest this much ("6G", "700M"), instead of its maximum.
    tune_host
        release-stranded-memory: in the same plan, tune khugepaged so that it stays released.
    emit
        tune-host: print the settings for their owner (sysctl, tuned, ansible) instead of a plan.
    power_cycle
        Let disable-balloon shut the guest down gracefully and start it again.
    post_copy
        Allow a migration to switch to post-copy, which cannot be aborted.
    auto_converge
        Allow a migration to slow the guest down until it converges.
    balloon_none
        Carry a persistent definition without a balloon to the destination.
    bandwidth
        Limit of a migration in MiB/s.
    downtime_limit
        The longest pause at the end of a migration that is aimed at, in ms.
    timeout
        Abort a migration after this many seconds; the guest then runs on where it was.
    tunnelled
        Send a migration's data through libvirt's own connection (encrypted where that is).
    via
        reboot-host: how the reboot is ordered; without it, over ssh.
    bring_home
        reboot-host: move the guests back afterwards.
    json
        The comparison as JSON.
    """
    named = domain or []
    wishes = Wishes(
        domain=named[0] if named else None,
        more_domains=tuple(named[1:]),
        target_bytes=None if target_size is None else parse_size(target_size),
        with_tune_host=tune_host,
        destination_uri=to,
        migrate_uri=migrate_uri,
        with_power_cycle=power_cycle,
        with_post_copy=post_copy,
        with_auto_converge=auto_converge,
        persistent_balloon_none=balloon_none,
        bandwidth_mib_s=bandwidth,
        max_downtime_ms=downtime_limit,
        timeout_s=timeout,
        is_tunnelled=tunnelled,
        reboot_via=via,
        with_return=bring_home,
    )
    request = CollectRequest(is_deep=False, interval_s=1.0, page_map="full" if remedy in EXACT else "sampled")
    with progress_on_stderr() as progress:
        source = open_for(remedy, target)
        situation = situation_of(
            source,
            request,
            policy=read_policy(policy),
            wishes=wishes,
            progress=progress,
            marks=host_marks(source.target.kind),
            runs=earlier_runs(source.target.kind),
        )
        situation = with_fleet(situation, source.target, progress)
    if emit is not None:
        return _emit(situation, remedy or "tune-host", emit)
    return _compare(situation, json=json) if remedy is None else _write(situation, remedy, output)


def _compare(situation: Situation, *, json: bool) -> int:
    options = compare_remedies(situation)
    if json:
        write_out(
            for_json(msgspec.json.format(msgspec.json.encode(options)).decode()) + "\n", encoding="utf-8"
        )
        return 0
    terminal = stdout_terminal()
    text = render_options(options, recommended(options), width=terminal.width, colour=terminal.has_colour)
    write_out(text)
    return 0


def _emit(situation: Situation, remedy: str, form: EmitFormat) -> int:
    write_out(render_emitted(write_plan(situation, remedy), form))
    return 0


def parse_size(text: str) -> int:
    """Bytes of "700M", "6G", "512MiB" or a plain number of bytes. UsageError for anything else."""
    match = re.fullmatch(r"([0-9]{1,15})([KMGT]?)(?:i?B)?", text.strip(), re.IGNORECASE)
    if match is None:
        raise UsageError(f"{text!r} is no size", hint="Write it as 700M or 6G.")
    return int(match[1]) * {"": 1, "K": KIB, "M": MIB, "G": GIB, "T": TIB}[match[2].upper()]


def _write(situation: Situation, remedy: str, output: Path | None) -> int:
    if situation.is_local and remedy in RUNBOOKS:
        write_out(runbook(situation, remedy))
    made = write_plan(situation, remedy)
    if output is not None:
        save(made, output)
    write_out(render_plan(made))
    where = "-o plan.json writes it down" if output is None else f"carry it out: kvmedic apply {output}"
    write_out(f"Nothing was changed; {where}\n")
    return 0


def save(made: Plan, output: Path) -> None:
    """Writes a plan for its owner's eyes only."""
    try:
        output.touch(mode=0o600)
        output.write_bytes(msgspec.json.format(msgspec.json.encode(made)) + b"\n")
    except OSError as error:
        raise UsageError(
            f"{output} cannot be written: {error.strerror}", hint="Name another file with -o."
        ) from error
