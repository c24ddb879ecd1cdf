"""The report as one self-contained page: no network, no script, no inline style.

The page's own content security policy names the hash of its one style sheet, and allows nothing else but
images that are part of the page. A page map comes in as an image, so nothing in it can run.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from kvmedic.model.report import Report
from kvmedic.render import words
from kvmedic.render.charts import domain_bars, ledger_parts, zone_charts
from kvmedic.render.options import RenderOptions


def render_report(report: Report, options: RenderOptions) -> str:
    """The whole page. Expects a cleaned report; everything in it is escaped by the template."""
    environment = _environment()
    # Our own style sheet, from the package; nothing of the report is in it.
    style = Markup(environment.get_template("report.css").render())  # noqa: S704
    page = environment.get_template("report.html.j2").render(
        report=report,
        words=words,
        style=style,
        style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        ledger=ledger_parts(report.host.memory.ledger),
        zones=zone_charts(report),
        bars=domain_bars(report.domains or ()),
        picture=None if options.picture_svg is None else _as_image(options.picture_svg),
    )
    return page.rstrip() + "\n"


def _as_image(svg: str) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("kvmedic.render", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
