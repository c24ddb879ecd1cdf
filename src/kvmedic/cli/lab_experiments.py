"""The part of ``kvmedic lab`` that measures remedies: run experiments, show their results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from kvmedic.cli.lab_wishes import RemedyWishes
from kvmedic.cli.terminal import write_out
from kvmedic.errors import OutputError, UsageError
from kvmedic.lab.experiment import Wanted
from kvmedic.lab.matrix import MATRIX, OWN_GROUND, OWN_REMEDY, matrix, run_all
from kvmedic.lab.report import Format, render
from kvmedic.lab.results import SUFFIX, Ground, Result, load_pictures, load_results
from kvmedic.lab.scenarios import SCENARIOS
from kvmedic.lab.whole import run_whole
from kvmedic.model.record import Record

Say = Callable[[str], None]
WHOLE_TAKES = "about half an hour on two CPUs, 4 GiB"


class Place(Record, frozen=True, kw_only=True):
    """On which kernel, in which size; what is kept of it."""

    kernel: str | None
    variant: int
    save: Path | None
    keep: bool


def run_experiments(scenario: str | None, wishes: RemedyWishes, place: Place, form: Format, say: Say) -> int:
    """Measure; 0 when every one came about (and, with ``all``, every other failure was recognised)."""
    rows = _rows(scenario, wishes, place)
    if place.keep and len(rows) != 1:
        raise UsageError(f"{len(rows)} hosts would stay", hint="Keep the host of one scenario × one remedy.")
    if scenario == "all":
        return _run_whole(rows, place, form, say)
    results = list(run_all(rows, place.save, say))
    _show(results, form)
    return 0 if len(results) == len(rows) else 1


def _rows(scenario: str | None, wishes: RemedyWishes, place: Place) -> list[Wanted]:
    def rows_of(names: Sequence[str], by: Sequence[str], ground: Ground) -> list[Wanted]:
        return matrix(
            names,
            by,
            ground=wishes.ground or ground,
            kernel=place.kernel,
            repeat=wishes.repeat,
            cycles=wishes.cycles_of(scenario),
            variant=place.variant,
            has_maps=wishes.maps,
            keeps_host=place.keep,
        )

    if scenario == "all":
        own = [(name, remedy, OWN_GROUND[name]) for name, remedy in OWN_REMEDY.items()]
        return [row for name, remedy, ground in own for row in rows_of((name,), (remedy,), ground)]
    return rows_of((scenario,) if scenario else tuple(MATRIX), tuple(wishes.remedy or ()), "nested")


def _run_whole(rows: Sequence[Wanted], place: Place, form: Format, say: Say) -> int:
    """Each scenario once; those without a remedy of their own are explained beside."""
    wanted = [name for name in SCENARIOS if name not in OWN_REMEDY]
    say(f"{len(rows)} remedies to measure, {len(wanted)} failures to explain, two at a time: {WHOLE_TAKES}")
    whole = run_whole(rows, place.kernel, place.save, say)
    _show(whole.results, form)
    missed = [name for name in wanted if not whole.recognised.get(name)]
    say(f"{len(whole.results)} of {len(rows)} remedies measured")
    say(f"{len(wanted) - len(missed)} of {len(wanted)} other failures recognised")
    if missed:
        say(f"not: {', '.join(missed)}")
    return 0 if len(whole.results) == len(rows) and not missed else 1


def _show(results: Sequence[Result], form: Format) -> None:
    if results:
        write_out(render(results, form), encoding="utf-8")


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
