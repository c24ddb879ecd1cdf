"""Writes the golden files anew; read what changed before you commit it."""

from __future__ import annotations

from datetime import timedelta, timezone
from pathlib import Path

from report_samples import SAMPLES

from kvmedic.render import render

GOLDEN = Path(__file__).parent / "golden"
LOCAL = timezone(timedelta(hours=1))
SHOWN = {
    "text": "text",
    "markdown": "md",
    "ticket": "ticket",
    "nagios": "nagios",
}


def expected_files() -> dict[str, str]:
    """The text of every golden file by its name."""
    files = {
        f"{name}.{ending}": render(report, wanted, local_zone=LOCAL)
        for name, report in SAMPLES.items()
        for wanted, ending in SHOWN.items()
    }
    files["at-risk.prom"] = render(SAMPLES["at-risk"], "openmetrics")
    files["at-risk.verbose.text"] = render(SAMPLES["at-risk"], "text", verbose=True)
    files["at-risk.narrow.text"] = render(SAMPLES["at-risk"], "text", width=60)
    files["why-oom.narrow.text"] = render(SAMPLES["why-oom"], "text", width=60)
    files["at-risk.ascii.text"] = render(SAMPLES["at-risk"], "text", encoding="ascii")
    files["at-risk.colour.text"] = render(SAMPLES["at-risk"], "text", colour=True)
    return files


if __name__ == "__main__":
    for name, text in expected_files().items():
        (GOLDEN / name).write_text(text, encoding="utf-8")
