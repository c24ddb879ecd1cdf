"""``kvmedic why``."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from cyclopts import Parameter

from kvmedic.app.why import explain_target
from kvmedic.cli.check import ReportFormat
from kvmedic.cli.moments import moment_of
from kvmedic.cli.report_output import write_report
from kvmedic.cli.terminal import progress_on_stderr
from kvmedic.model.case import Window
from kvmedic.wiring import open_source

Moment = Annotated[str | None, Parameter(allow_leading_hyphen=True)]
"""A moment may begin with a minus sign: -2h."""


def why(
    target: str | None = None,
    *,
    domain: str | None = None,
    since: Moment = None,
    until: Moment = None,
    boot: Annotated[int | None, Parameter(allow_leading_hyphen=True)] = None,
    format: ReportFormat = "text",  # noqa: A002  the word people type
    json: Annotated[bool, Parameter(negative=())] = False,
    verbose: Annotated[bool, Parameter(name=("--verbose", "-v"), negative=())] = False,
) -> int:
    """After a failure: who it was, the likely causes with their proof, and what to do. Changes nothing.

    Parameters
    ----------
    target
        Nothing (this host), ssh://user@host, a bundle or sosreport, a log file, or - for standard input.
    domain
        Only what happened to this domain, or to the whole host.
    since
        Only what happened from then on: 2026-11-24T03:00, 03:00 (today), -2h, yesterday.
    until
        Only what happened before then.
    boot
        Only this boot: 0 is the last, -1 the one before.
    format
        How the report is written.
    json
        Short for --format json.
    verbose
        Show every line of proof, its source, and why each suspect was cleared.
    """
    now = datetime.now().astimezone()
    window = _window(domain, since, until, boot, now)
    zone_offset_s = window.zone_offset_s if target is None else None
    with progress_on_stderr() as progress:
        report = explain_target(
            open_source(target), window, progress, now_s=now.timestamp(), zone_offset_s=zone_offset_s
        )
    return write_report(report, "json" if json else format, verbose=verbose)


def _window(
    domain: str | None, since: str | None, until: str | None, boot: int | None, now: datetime
) -> Window:
    """What is asked about; ``now`` knows the operator's zone."""
    offset = now.utcoffset()
    return Window(
        domain=domain,
        since_s=None if since is None else moment_of(since, now, "--since"),
        until_s=None if until is None else moment_of(until, now, "--until"),
        boot=boot,
        zone_offset_s=0.0 if offset is None else offset.total_seconds(),
    )
