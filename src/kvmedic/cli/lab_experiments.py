"""The part of ``kvmedic lab`` that measures remedies: run experiments, show their results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from kvmedic.cli.terminal import write_out
from kvmedic.errors import OutputError
from kvmedic.lab.experiment import Wanted
from kvmedic.lab.matrix import MATRIX, OWN_REMEDY, explain_rest, matrix, run_all
from kvmedic.lab.report import Format, render
from kvmedic.lab.results import SUFFIX, Ground, Result, load_pictures, load_results

Say = Callable[[str], None]


def run_experiments(
    scenarios: Sequence[str],
    remedies: Sequence[str],
    *,
    ground: Ground,
    kernel: str | None,
    repeat: int,
    cycles: int,
    variant: int,
    save: Path | None,
    own: bool,
    has_maps: bool,
    form: Format,
    say: Say,
) -> int:
    """Measure; 0 when every one came about (and, with ``own``, every other failure was recognised)."""

    def rows_of(names: Sequence[str], by: Sequence[str]) -> list[Wanted]:
        return matrix(
            names,
            by,
            ground=ground,
            kernel=kernel,
            repeat=repeat,
            cycles=cycles,
            variant=variant,
            has_maps=has_maps,
        )

    if own:
        rows = [row for name, remedy in OWN_REMEDY.items() for row in rows_of((name,), (remedy,))]
    else:
        rows = rows_of(scenarios or tuple(MATRIX), remedies)
    results = list(run_all(rows, save, say))
    missed = _explain_rest(kernel, say) if own else 0
    if results:
        write_out(render(results, form), encoding="utf-8")
    return 0 if len(results) == len(rows) and not missed else 1


def _explain_rest(kernel: str | None, say: Say) -> int:
    """The scenarios without a remedy to try; how many were not recognised."""
    missed = 0
    for outcome in explain_rest(kernel, say):
        missed += not outcome.is_recognised
        say(f"{outcome.scenario}: {'recognised' if outcome.is_recognised else 'NOT RECOGNISED'}")
    return missed


def has_results(place: Path) -> bool:
    """Whether results of measured remedies are there."""
    return place.name.endswith(SUFFIX) or (place.is_dir() and any(place.glob(f"*{SUFFIX}")))


def show_results(place: Path, form: Format, output: Path | None) -> int:
    """Print the report, or write it to a file."""
    results: Sequence[Result] = load_results(place)
    text = render(results, form, load_pictures(place))
    if output is None:
        write_out(text, encoding="utf-8")
        return 0
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{output} cannot be written: {error.strerror}") from error
    return 0
