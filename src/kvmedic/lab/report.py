"""The report of experiments: medians and spreads by scenario, kernel and remedy; Markdown, HTML, JSON."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from statistics import median
from typing import Literal

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from kvmedic.lab.experiment_remedies import REMEDIES
from kvmedic.lab.picture import Bar, bars_svg
from kvmedic.lab.results import Result
from kvmedic.model.record import Record
from kvmedic.units import MIB

NOTHING = "–"
Format = Literal["html", "markdown", "json"]
Pictures = Mapping[str, Mapping[str, str]]
"""SVG by the name of a result, by moment."""
NOTE = (
    "All hosts and guests ran under software emulation: seconds are to be compared with each other, "
    "not with hardware; bytes and blocks are readings of real kernels. "
    "A number is the median of n runs, with the smallest and the largest in brackets where n > 1."
)


class Spread(Record, frozen=True, kw_only=True):
    """Median, smallest and largest of n readings."""

    median: float
    low: float
    high: float
    n: int

    def words(self, digits: int = 0) -> str:
        """Short text; the spread in brackets where there is one."""
        middle, low, high = (
            f"{round(value, digits) + 0.0:.{digits}f}" for value in (self.median, self.low, self.high)
        )
        return middle if low == high else f"{middle} ({low} to {high})"


class Line(Record, frozen=True, kw_only=True):
    """One remedy of one scenario on one kernel. Memory in MiB. None: not measured."""

    remedy: str
    n: int
    stranded_before: Spread | None
    stranded_after: Spread | None
    given_back: Spread | None
    free_gained: Spread | None
    """MemFree of the host; only where the host is the experiment's own."""
    held_elsewhere: Spread | None
    """What the host that the guest moved to holds for it; only after a migration."""
    balloon_after: Spread | None
    """What the balloon holds after the remedy: maximum − actual."""
    blocks_before: Spread | None
    blocks_after: Spread | None
    unusable_before: Spread | None
    unusable_after: Spread | None
    huge_got: Spread | None
    downtime: Spread | None
    seconds: Spread | None
    verdicts: tuple[str, ...]
    returned: int | None
    cycles: int


class Table(Record, frozen=True, kw_only=True):
    """One scenario on one kind of host."""

    scenario: str
    ground: str
    kernel: str
    host_mib: int | None
    found: tuple[str, ...]
    lines: tuple[Line, ...]


def tables_of(results: Iterable[Result]) -> tuple[Table, ...]:
    """The results, put together."""

    def key(result: Result) -> tuple[str, str, str, int]:
        return (result.scenario, result.ground, result.kernel, result.host_mib or 0)

    ordered = sorted(results, key=key)
    return tuple(_table(*names, list(group)) for names, group in groupby(ordered, key))


def _table(scenario: str, ground: str, kernel: str, host_mib: int, results: list[Result]) -> Table:
    order = list(REMEDIES)
    results.sort(key=lambda result: order.index(result.remedy) if result.remedy in order else len(order))
    lines = [_line(remedy, list(group)) for remedy, group in groupby(results, lambda result: result.remedy)]
    found = sorted({cause for result in results for cause in result.found})
    return Table(
        scenario=scenario,
        ground=ground,
        kernel=kernel,
        host_mib=host_mib or None,
        found=tuple(found),
        lines=tuple(lines),
    )


def _line(remedy: str, results: Sequence[Result]) -> Line:
    def over(read: Callable[[Result], float | None]) -> Spread | None:
        return spread_of([read(result) for result in results])

    told = [cycle.is_back for result in results for cycle in result.cycles if cycle.is_back is not None]
    is_own = all(result.ground == "nested" for result in results)
    none: Spread | None = None
    return Line(
        remedy=remedy,
        n=len(results),
        stranded_before=over(lambda r: mib(r.before.stranded_bytes)),
        stranded_after=over(lambda r: mib(r.after.stranded_bytes)),
        given_back=over(lambda r: mib(r.given_back_bytes)),
        free_gained=over(lambda r: mib(r.after.mem_free_bytes - r.before.mem_free_bytes)) if is_own else none,
        held_elsewhere=over(lambda r: mib(r.destination.charged_bytes) if r.destination else None),
        balloon_after=over(lambda r: mib(_balloon(r))),
        blocks_before=over(lambda r: r.before.huge_blocks) if is_own else none,
        blocks_after=over(lambda r: r.after.huge_blocks) if is_own else none,
        unusable_before=over(lambda r: r.before.unusable_percent) if is_own else none,
        unusable_after=over(lambda r: r.after.unusable_percent) if is_own else none,
        huge_got=over(lambda r: r.probe.huge_pages_got if r.probe else None),
        downtime=over(lambda r: r.downtime_s),
        seconds=over(lambda r: r.applied.seconds),
        verdicts=tuple(sorted({result.applied.verdict or _unsaid(result) for result in results})),
        returned=sum(told) if told else None,
        cycles=len(told),
    )


def _unsaid(result: Result) -> str:
    if result.applied.by == "kvmedic":
        return {10: "refused", None: "none"}.get(result.applied.exit_code, f"exit {result.applied.exit_code}")
    return "none (not by kvmedic)"


def _balloon(result: Result) -> int | None:
    if result.after.maximum_bytes is None or result.after.actual_bytes is None:
        return None
    return result.after.maximum_bytes - result.after.actual_bytes


def spread_of(values: Iterable[float | None]) -> Spread | None:
    """The spread of what was measured; None where nothing was."""
    found = [float(value) for value in values if value is not None]
    if not found:
        return None
    return Spread(median=median(found), low=min(found), high=max(found), n=len(found))


def mib(size: int | None) -> float | None:
    """Bytes in MiB."""
    return None if size is None else size / MIB


def words_of(spread: Spread | None) -> str:
    """A spread, or a dash where nothing was measured."""
    return NOTHING if spread is None else spread.words()


def _arrow(before: Spread | None, after: Spread | None) -> str:
    return NOTHING if before is None else f"{words_of(before)} → {words_of(after)}"


def _back(line: Line) -> str:
    return "not tried" if line.returned is None else f"{line.returned} of {line.cycles} cycles"


Column = tuple[str, Callable[[Line], str]]
COLUMNS: tuple[Column, ...] = (
    ("remedy", lambda line: line.remedy),
    ("n", lambda line: str(line.n)),
    ("stranded before → after, MiB", lambda line: _arrow(line.stranded_before, line.stranded_after)),
    ("given back to the host, MiB", lambda line: words_of(line.given_back)),
    ("MemFree gained, MiB", lambda line: words_of(line.free_gained)),
    ("held by its new host, MiB", lambda line: words_of(line.held_elsewhere)),
    ("balloon holds after, MiB", lambda line: words_of(line.balloon_after)),
    ("free 2 MiB blocks", lambda line: _arrow(line.blocks_before, line.blocks_after)),
    ("unusable for 2 MiB, %", lambda line: _arrow(line.unusable_before, line.unusable_after)),
    ("guest silent, s", lambda line: words_of(line.downtime)),
    ("took, s", lambda line: words_of(line.seconds)),
    ("kvmedic's verdict", lambda line: ", ".join(line.verdicts)),
    ("failure back under the same load", _back),
)


def columns_of(table: Table) -> list[Column]:
    """The columns in which something was measured."""
    return [(name, say) for name, say in COLUMNS if any(say(line) != NOTHING for line in table.lines)]


def render(results: Sequence[Result], form: Format, pictures: Pictures | None = None) -> str:
    """The report in one of its forms. ``pictures``: maps of physical memory for the page."""
    tables = tables_of(results)
    if form == "json":
        return (
            msgspec.json.format(msgspec.json.encode({"tables": tables, "results": results})).decode() + "\n"
        )
    return _markdown(tables, results) if form == "markdown" else _html(tables, results, pictures or {})


def setup_words(results: Sequence[Result]) -> str:
    """Which versions took part, and when."""
    versions = sorted({f"{name} {version}" for r in results for name, version in r.versions.items()})
    days = sorted(result.began_at[:10] for result in results)
    return f"{len(results)} experiments, {days[0]} to {days[-1]}; {', '.join(versions)}."


def title_of(table: Table) -> str:
    """The heading of a table."""
    size = f"of {table.host_mib} MiB" if table.host_mib else "with a kernel of its own"
    ground = f"a nested host {size}" if table.ground == "nested" else "a private libvirt"
    return f"{table.scenario}: kernel {table.kernel}, {ground}"


def _markdown(tables: Sequence[Table], results: Sequence[Result]) -> str:
    parts = ["# Remedies, measured\n", f"{setup_words(results)}\n", f"{NOTE}\n"]
    for table in tables:
        parts += [f"## {title_of(table)}\n", f"check found: {', '.join(table.found) or 'nothing'}\n"]
        columns = columns_of(table)
        rows = [[name for name, _ in columns], ["---"] * len(columns)]
        rows += [[say(line) for _, say in columns] for line in table.lines]
        parts.append("".join(f"| {' | '.join(row)} |\n" for row in rows))
    return "\n".join(parts)


def _html(tables: Sequence[Table], results: Sequence[Result], pictures: Pictures) -> str:
    environment = Environment(
        loader=PackageLoader("kvmedic.lab", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = Markup(environment.get_template("lab_report.css").render())  # noqa: S704  our own file
    page = environment.get_template("lab_report.html.j2").render(
        style=style,
        style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        setup=setup_words(results),
        note=NOTE,
        tables=tables,
        columns_of=columns_of,
        title_of=title_of,
        charts=_charts,
        results=results,
        maps={name: _images(svgs) for name, svgs in pictures.items()},
    )
    return page.rstrip() + "\n"


def _images(svgs: Mapping[str, str]) -> list[tuple[str, str]]:
    """As images, so that nothing in them can run; what was before comes first."""
    ordered = sorted(svgs.items(), key=lambda item: item[0] != "before")
    return [
        (moment, "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode())
        for moment, svg in ordered
    ]


def _charts(table: Table) -> list[tuple[str, Markup]]:
    """The plots of one table; labels and numbers are escaped where they are drawn."""
    plots = [
        ("Memory given back to the host, MiB", [_bar(t, t.given_back, "gain") for t in table.lines]),
        ("Stranded before and after, MiB", _pairs(table, lambda t: (t.stranded_before, t.stranded_after))),
        ("Free 2 MiB blocks before and after", _pairs(table, lambda t: (t.blocks_before, t.blocks_after))),
        ("The guest was silent, s", [_bar(t, t.downtime, "cost") for t in table.lines]),
    ]
    return [
        (title, Markup(bars_svg(title, bars)))  # noqa: S704
        for title, bars in plots
        if any(bar.value is not None for bar in bars)
    ]


def _pairs(table: Table, pair: Callable[[Line], tuple[Spread | None, Spread | None]]) -> list[Bar]:
    bars = []
    for line in table.lines:
        before, after = pair(line)
        bars += [_bar(line, before, "before"), _bar(line, after, "after", label="after")]
    return bars


def _bar(line: Line, spread: Spread | None, kind: str, *, label: str = "") -> Bar:
    return Bar(
        label=label or line.remedy,
        value=None if spread is None else spread.median,
        low=0.0 if spread is None else spread.low,
        high=0.0 if spread is None else spread.high,
        words="not measured" if spread is None else spread.words(),
        kind=kind,
    )
