"""``kvmedic lab``: list, run, report, clean."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import App, Parameter

from kvmedic.cli.lab_experiments import Place, has_results, run_experiments, show_results
from kvmedic.cli.lab_wishes import NO_WISHES, Flag, RemedyWishes
from kvmedic.cli.report_output import write_report
from kvmedic.cli.terminal import write_out
from kvmedic.lab.bed import end_on_terminate
from kvmedic.lab.cleanup import clean_named, clean_orphans
from kvmedic.lab.report import Format
from kvmedic.lab.run import Row, find_scenario, read_rows, refuse_among_guests, run_scenario
from kvmedic.lab.scenarios import SCENARIOS
from kvmedic.lab.takes import START_S, WISHES
from kvmedic.lab.truth import TRUTH

lab = App(
    name="lab",
    help="Bring failures about in disposable hosts, and see what kvmedic says of them.",
    help_format="plaintext",
)


@lab.command(name="list")
def list_() -> int:
    """List the scenarios: what fails, which cause that is, what it needs, how long it takes."""
    rows = []
    for name, scenario in sorted(SCENARIOS.items()):
        wish = WISHES.get(scenario.bench)
        needs = f"{wish.memory_mib} MiB, {scenario.bench}" if wish else "this machine's cgroups"
        seconds = scenario.seconds + (START_S if wish else 0)
        cause = TRUTH[name].cause or "(no failure)"
        rows.append(f"{name:16} {cause:26} {needs:26} ~{seconds:3} s  {scenario.title}\n")
    write_out("".join(rows))
    return 0


@lab.command
def run(
    scenario: str | None = None,
    *,
    wishes: RemedyWishes = NO_WISHES,
    variant: int = 0,
    kernel: str | None = None,
    save: Path | None = None,
    keep: Annotated[bool, Flag] = False,
    among_guests: Annotated[bool, Flag] = False,
    json: Annotated[bool, Flag] = False,
    verbose: Annotated[bool, Parameter(name=("--verbose", "-v"), negative=())] = False,
) -> int:
    """Bring one failure about in a disposable host of its own, ask why, and take everything away.

    Parameters
    ----------
    scenario
        One of kvmedic lab list; all: each of them once, with the remedy for its own cause.
    wishes
        Remedies to be measured.
    variant
        Another size of the same failure: 0, 1, …
    kernel
        An installed kernel that begins so; the oldest otherwise.
    save
        Keep what the host left (logs, QEMU logs, /proc, libvirt's lists), or measurements, in this folder.
    keep
        Leave the host running, to be looked at; kvmedic lab clean BED takes it away.
    among_guests
        Run although guests run here that the lab did not start.
    json
        Print the report of why, or the measurements, as JSON.
    verbose
        Show every line of proof.
    """
    if not among_guests:
        refuse_among_guests()
    end_on_terminate()
    if wishes.asks_for_remedies(scenario):
        place = Place(kernel=kernel, variant=variant, save=save, keep=keep)
        return run_experiments(scenario, wishes, place, "json" if json else "markdown", _say)
    chosen = find_scenario(scenario or "")
    rest = "the host stays" if keep else "nothing is left behind"
    _say(f"{chosen.id}: {chosen.title}; about {chosen.seconds + START_S} s, {rest}")
    outcome = run_scenario(chosen, variant=variant, kernel=kernel, save=save, say=_say, keep=keep)
    write_report(outcome.report, "json" if json else "text", verbose=verbose)
    truth = outcome.truth.cause or "no failure"
    _say(
        f"truth: {truth} ({outcome.truth.why}); {'recognised' if outcome.is_recognised else 'NOT RECOGNISED'}"
    )
    return 0 if outcome.is_recognised else 1


@lab.command
def clean(bed: str | None = None) -> int:
    """Take away what a killed run left; with the id of a bed, that one.

    Parameters
    ----------
    bed
        The id that the run printed; without it all whose owner is gone.
    """
    if bed is not None:
        clean_named(bed)
    cleaned = [bed] if bed is not None else clean_orphans()
    write_out(f"cleaned: {', '.join(cleaned) or 'nothing was left'}\n")
    return 0


@lab.command
def report(
    folder: Path,
    *,
    format: Format = "markdown",  # noqa: A002  the word people type
    output: Annotated[Path | None, Parameter(name=("--output", "-o"))] = None,
    json: Annotated[bool, Flag] = False,
) -> int:
    """Show what was saved in a folder: measured remedies, or what was recognised (0: everything).

    Parameters
    ----------
    folder
        The folder that was given to --save, or one result of a measured remedy.
    format
        How measured remedies are shown: html (one page, with plots), markdown, json.
    output
        Write it to this file.
    json
        Short for --format json.
    """
    if has_results(folder):
        return show_results(folder, "json" if json else format, output)
    rows = read_rows(folder)
    if json:
        write_out(msgspec.json.format(msgspec.json.encode(rows)).decode() + "\n", encoding="utf-8")
    else:
        write_out("".join(map(_line, rows)))
    return 0 if all(row.is_recognised for row in rows) else 1


def _line(row: Row) -> str:
    said = f"{row.said} {row.confidence:.2f}" if row.said and row.confidence is not None else "nothing"
    mark = "recognised" if row.is_recognised else "NOT RECOGNISED"
    told = f"{row.truth or 'no failure'} -> {said}: {mark}"
    return f"{row.scenario:16} {row.kernel:24} {row.seconds:6.0f} s  {told}\n"


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
