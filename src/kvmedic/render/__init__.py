"""Reports to text, JSON, HTML, Markdown, metrics and pictures. Pure.

``render`` is the one door. It cleans what strangers wrote before any format sees it, and imports a format's
module, and so its library, only when that format is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo
from importlib import import_module
from typing import Literal, cast, get_args

from kvmedic.errors import UsageError
from kvmedic.model.report import Report
from kvmedic.render.options import RenderOptions
from kvmedic.render.sanitise import clean_report

Format = Literal["text", "json", "html", "markdown", "openmetrics", "nagios", "ticket"]
FORMATS: tuple[Format, ...] = get_args(Format)
"""Each is also the name of its module here, which has ``render_report(report, options) -> str``."""
PIPE_WIDTH = 100
"""Cells of a line where there is no terminal to ask."""
Renderer = Callable[[Report, RenderOptions], str]


def render(
    report: Report,
    format: str,  # noqa: A002  the word people type
    *,
    width: int = PIPE_WIDTH,
    colour: bool = False,
    verbose: bool = False,
    encoding: str = "utf-8",
    local_zone: tzinfo | None = None,
    picture_svg: str | None = None,
) -> str:
    """The report in one of ``FORMATS``, ending in a newline.

    ``width``, ``colour``, ``verbose`` and ``encoding`` matter to text only; ``local_zone`` is the reader's,
    for the ticket; ``picture_svg`` is a page map for html. A UsageError where the format is unknown.
    """
    if format not in FORMATS:
        raise UsageError(f"unknown format {format!r}", hint=f"Use one of {', '.join(FORMATS)}.")
    renderer = cast("Renderer", import_module(f"kvmedic.render.{format}").render_report)
    options = RenderOptions(
        width=width,
        colour=colour,
        verbose=verbose,
        encoding=encoding,
        local_zone=local_zone,
        picture_svg=picture_svg,
    )
    return renderer(report if format == "json" else clean_report(report), options)
