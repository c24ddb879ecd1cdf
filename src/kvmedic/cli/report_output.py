"""A report to stdout, and its exit code."""

from __future__ import annotations

from datetime import datetime

from kvmedic.cli.terminal import stdout_terminal, write_out
from kvmedic.diagnose.report import exit_code
from kvmedic.model.report import Report
from kvmedic.render import render
from kvmedic.render.nagios import nagios_exit_code


def write_report(report: Report, format_name: str, *, verbose: bool, picture_svg: str | None = None) -> int:
    """Writes the report in the format asked for; the code is that of the verdict."""
    terminal = stdout_terminal()
    text = render(
        report,
        format_name,
        width=terminal.width,
        colour=terminal.has_colour,
        verbose=verbose,
        encoding=terminal.encoding,
        local_zone=datetime.now().astimezone().tzinfo,
        picture_svg=picture_svg,
    )
    write_out(text, encoding=None if format_name == "text" else "utf-8")
    return nagios_exit_code(report) if format_name == "nagios" else exit_code(report)
