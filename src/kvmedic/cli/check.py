"""``kvmedic check``."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter

from kvmedic.app.check import check_target
from kvmedic.cli.collect_wishes import collect_request
from kvmedic.cli.report_output import write_report
from kvmedic.cli.terminal import progress_on_stderr
from kvmedic.wiring import open_source

ReportFormat = Literal["text", "json", "html", "markdown", "openmetrics", "nagios", "ticket"]


def check(
    target: str | None = None,
    *,
    deep: Annotated[bool, Parameter(negative=())] = False,
    interval: float = 2.0,
    page_map: Literal["none", "sampled", "full"] = "sampled",
    format: ReportFormat = "text",  # noqa: A002  the word people type
    json: Annotated[bool, Parameter(negative=())] = False,
    nagios: Annotated[bool, Parameter(negative=())] = False,
    verbose: Annotated[bool, Parameter(name=("--verbose", "-v"), negative=())] = False,
) -> int:
    """Examine a host now: verdict, findings, what to do. Changes nothing.

    Parameters
    ----------
    target
        Nothing (this host), ssh://user@host, a bundle or sosreport (folder or tar).
    deep
        Also read what takes locks of the kernel: pagetypeinfo, slabinfo, smaps_rollup.
    interval
        Seconds between the two readings that rates need; 0 reads once and knows no rates.
    page_map
        How much of the page map to read; full reads every page of the host.
    format
        How the report is written.
    json
        Short for --format json.
    nagios
        Short for --format nagios, with its exit codes 0 1 2 3.
    verbose
        Show the source of every claim and why each suspect was cleared.
    """
    request = collect_request(deep=deep, interval=interval, page_map=page_map)
    with progress_on_stderr() as progress:
        report = check_target(open_source(target), request, progress)
    chosen = "json" if json else "nagios" if nagios else format
    return write_report(report, chosen, verbose=verbose)
