"""A report to stdout, and its exit code."""

from __future__ import annotations

from kvmedic.cli.terminal import stdout_terminal, write_out
from kvmedic.diagnose.report import exit_code
from kvmedic.model.report import Report, Verdict
from kvmedic.render import render

NAGIOS_CODES: dict[Verdict, int] = {"healthy": 0, "at-risk": 1, "failing": 2, "undetermined": 3}
"""What Nagios and its kin mean by 0 1 2 3: OK, WARNING, CRITICAL, UNKNOWN."""


def write_report(report: Report, format_name: str, *, verbose: bool) -> int:
    """Writes the report in the format asked for; the code is that of the verdict."""
    terminal = stdout_terminal()
    text = render(
        report,
        format_name,
        width=terminal.width,
        colour=terminal.has_colour,
        verbose=verbose,
        encoding=terminal.encoding,
    )
    write_out(text)
    return NAGIOS_CODES[report.verdict] if format_name == "nagios" else exit_code(report)
