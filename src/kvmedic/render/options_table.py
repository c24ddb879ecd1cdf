"""The comparison of remedies as a table: a row for each option, and its words in full below it.

A cell that does not hold the whole answer holds its beginning and the number of a footnote with the rest.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from rich.cells import cell_len

from kvmedic.model.plan import Amount, Downtime, Option
from kvmedic.model.record import Record
from kvmedic.render.sanitise import clean
from kvmedic.units import human_bytes, human_seconds

NARROWEST_TABLE = 80
"""Below this width the columns would break words."""
_HEADS = ("remedy", "gives back", "comes back?", "downtime", "takes", "risk")
_WIDTHS = (26, 12, 13, 8, 5, 6)
_GAP = 2
_MOST_EXTRA = (0, 16, 34, 18, 12, 0)
"""What each column may grow by on a wide terminal, in the order of ``_GROWING``."""
_GROWING = (2, 1, 3, 4)
_SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_STYLES = {"low": "32", "medium": "33", "high": "31"}


class Row(Record, frozen=True, kw_only=True):
    """One line of the table: an option, its numbers (those of many domains as one), and for whom."""

    option: Option
    freed: Amount
    whom: str
    is_many: bool


class _Footnotes:
    """What did not fit, each text once."""

    def __init__(self) -> None:
        self._texts: list[str] = []

    def mark(self, text: str) -> str:
        if text not in self._texts:
            self._texts.append(text)
        return self.number(self._texts.index(text) + 1)

    def number(self, number: int) -> str:
        return str(number).translate(_SUPERSCRIPT)

    def lines(self, width: int) -> Iterator[str]:
        for number, text in enumerate(self._texts, start=1):
            lead = f"{self.number(number)} "
            yield from _wrapped(text, width, lead)


def table_lines(rows: Iterable[Row], *, width: int, colour: bool) -> Iterator[str]:
    """The head, two lines and more for each row, and the footnotes."""
    widths, notes = _widths(width), _Footnotes()
    yield from _lines([_HEADS], widths)
    for row in rows:
        cells = [row.option.remedy, *_cells(row, widths, notes), row.option.risk]
        wrapped = [_wrap(clean(cell), wide) for cell, wide in zip(cells, widths, strict=True)]
        deepest = max(len(cell) for cell in wrapped)
        deep = [[cell[line] if line < len(cell) else "" for cell in wrapped] for line in range(deepest)]
        lines = list(_lines(deep, widths))
        yield _coloured(lines[0], row.option) if colour else lines[0]
        yield from lines[1:]
        yield from _wrapped(f"{row.whom} · {manners(row.option)}", width, "  ")
    yield from notes.lines(width)


def manners(option: Option) -> str:
    """Can it be undone, can it be interrupted, who notices."""
    undo = "can be undone" if option.is_reversible else "nothing to undo"
    stop = "can be interrupted" if option.is_interruptible else "cannot be interrupted"
    return clean(f"{undo}; {stop}; noticed by {option.forecast.noticed_by}")


def _widths(width: int) -> list[int]:
    """The least, and what is left over to the columns with the longest words first."""
    widths = list(_WIDTHS)
    left = width - sum(widths) - _GAP * (len(widths) - 1)
    for column in _GROWING:
        more = max(0, min(left, _MOST_EXTRA[column]))
        widths[column] += more
        left -= more
    return widths


def _cells(row: Row, widths: Sequence[int], notes: _Footnotes) -> list[str]:
    forecast = row.option.forecast
    answers = (
        gain(row.freed, forecast.contiguous_blocks),
        _answer(forecast.returns),
        _downtime(forecast.downtime),
        _seconds(forecast.takes_s, is_each=row.is_many),
    )
    return [
        full if cell_len(full) <= wide or full == short else f"{short} {notes.mark(clean(full))}"
        for (short, full), wide in zip(answers, widths[1:5], strict=True)
    ]


def gain(freed: Amount, blocks: Amount) -> tuple[str, str]:
    """What the host gets, short and in full: bytes, what it may have to give, blocks, or nobody knows."""
    if freed.best:
        full = f"{human_bytes(freed.best)}{_range(freed)}"
        return human_bytes(freed.best), full
    if freed.low is not None and freed.low < 0:
        return (
            f"−{human_bytes(-freed.low)}",
            f"the host may have to give {human_bytes(-freed.low)}: {freed.basis}",
        )
    if blocks.high:
        low, high = f"{blocks.low or 0:,}", f"{blocks.high:,}"
        words = f"+{high}" if low == high else f"+{low} to {high}"
        return f"{words} blocks", f"{words} free blocks of 2 MiB: {blocks.basis}"
    if freed.best == 0:
        return "nothing", "nothing"
    return "not known", f"not known: {freed.basis}"


def _range(amount: Amount) -> str:
    if amount.low is None or amount.high is None:
        return ""
    low, high = human_bytes(amount.low), human_bytes(amount.high)
    return "" if low == high else f" ({low} to {high}: {amount.basis})"


def _answer(sentence: str) -> tuple[str, str]:
    """The sentence up to its first comma, colon or bracket, where that is an answer by itself."""
    ends = [at for mark in (" (", ", ", "; ", ": ") if (at := sentence.find(mark)) > 0]
    return sentence[: min(ends, default=len(sentence))], sentence


def _downtime(downtimes: Sequence[Downtime]) -> tuple[str, str]:
    if not downtimes:
        return "none", "none"
    full = "; ".join(f"{item.who}: {_span(item.seconds)}" for item in downtimes)
    whom = "1 domain" if len(downtimes) == 1 else f"{len(downtimes)} domains"
    return whom, f"down: {full}"


def _span(seconds: float | None) -> str:
    return "not known how long" if seconds is None else human_seconds(seconds)


def _seconds(amount: Amount, *, is_each: bool) -> tuple[str, str]:
    if amount.best is None:
        return "?", f"takes: not known ({amount.basis})"
    span = human_seconds(amount.best)
    return span, f"{span} each" if is_each else span


def _wrap(text: str, wide: int) -> list[str]:
    return textwrap.wrap(text, wide, break_on_hyphens=False) or [""]


def _lines(rows: Iterable[Sequence[str]], widths: Sequence[int]) -> Iterator[str]:
    for cells in rows:
        padded = (cell + " " * (wide - cell_len(cell)) for cell, wide in zip(cells, widths, strict=True))
        yield (" " * _GAP).join(padded).rstrip()


def _wrapped(text: str, width: int, lead: str) -> list[str]:
    """The text behind ``lead``, its further lines below its first word."""
    return textwrap.wrap(
        text,
        width,
        initial_indent=lead,
        subsequent_indent=" " * len(lead),
        break_on_hyphens=False,
    )


def _coloured(line: str, option: Option) -> str:
    """The remedy bold, the risk at the end in its colour."""
    left = line.removesuffix(option.risk)
    rest = left.removeprefix(option.remedy)
    return f"\x1b[1m{option.remedy}\x1b[0m{rest}\x1b[{_STYLES[option.risk]}m{option.risk}\x1b[0m"
