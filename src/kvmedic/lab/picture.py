"""Bars as inline SVG: one row a remedy, the median as bar, the spread as whisker. Colours come by class."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

from kvmedic.model.record import Record

WIDTH, LABEL, NUMBER, ROW, BAR = 780.0, 190.0, 170.0, 22.0, 13.0


class Bar(Record, frozen=True, kw_only=True):
    """One bar. ``value`` None: not measured. ``low`` and ``high`` span all repetitions."""

    label: str
    value: float | None
    low: float
    high: float
    words: str
    kind: str
    """Class of the bar: ``gain``, ``before``, ``after`` or ``cost``."""


def bars_svg(title: str, bars: Sequence[Bar]) -> str:
    """A chart of horizontal bars; negative values go to the left of the zero line."""
    lowest = min([0.0, *(bar.low for bar in bars if bar.value is not None)])
    highest = max([0.0, *(bar.high for bar in bars if bar.value is not None)])
    scale = (WIDTH - LABEL - NUMBER) / ((highest - lowest) or 1.0)
    zero = LABEL - lowest * scale
    height = ROW * len(bars) + 8
    rows = "".join(_row(bar, 4 + index * ROW, zero, scale) for index, bar in enumerate(bars))
    axis = f'<line class="axis" x1="{zero:.1f}" x2="{zero:.1f}" y1="0" y2="{height:.0f}"/>'
    return (
        f'<svg viewBox="0 0 {WIDTH:.0f} {height:.0f}" role="img" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title>{rows}{axis}</svg>"
    )


def _row(bar: Bar, y: float, zero: float, scale: float) -> str:
    middle = y + ROW / 2
    label = f'<text class="label" x="{LABEL - 8:.0f}" y="{middle:.1f}">{escape(bar.label)}</text>'
    number = f'<text class="number" x="{WIDTH - NUMBER + 8:.0f}" y="{middle:.1f}">{escape(bar.words)}</text>'
    if bar.value is None:
        return label + number
    left, width = min(zero, zero + bar.value * scale), abs(bar.value) * scale
    top = y + (ROW - BAR) / 2
    body = f'<rect class="{bar.kind}" x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{BAR:.0f}"/>'
    return label + number + body + _whisker(bar, middle, zero, scale)


def _whisker(bar: Bar, middle: float, zero: float, scale: float) -> str:
    if bar.low == bar.high:
        return ""
    first, last = zero + bar.low * scale, zero + bar.high * scale
    return f'<line class="spread" x1="{first:.1f}" x2="{last:.1f}" y1="{middle:.1f}" y2="{middle:.1f}"/>'
