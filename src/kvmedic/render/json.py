"""The report for machines: exact, in a fixed order, indented by two. No line of it can move a cursor."""

from __future__ import annotations

import msgspec

from kvmedic.model.report import Report
from kvmedic.render.options import RenderOptions
from kvmedic.render.sanitise import for_json, without_surrogates


def render_report(report: Report, options: RenderOptions) -> str:
    """JSON of the report as docs/schema/report-1.json describes it; the key order is the records' order."""
    try:
        encoded = msgspec.json.encode(report)
    except UnicodeEncodeError:
        encoded = msgspec.json.encode(without_surrogates(msgspec.to_builtins(report)))
    return for_json(msgspec.json.format(encoded, indent=2).decode()) + "\n"
