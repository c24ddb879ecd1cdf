"""What a page of a cause shows from our lab stands word for word in the incident that it names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kvmedic.diagnose.post_mortem.catalogue import EXPLAINED
from kvmedic.lab.incident import Incident, load
from kvmedic.lab.scenarios import SCENARIOS

ROOT = Path(__file__).parents[3]
PAGES, CORPUS = ROOT / "docs" / "causes", ROOT / "tests" / "data" / "incidents"
EXCERPT = re.compile(
    r"In our lab \(`kvmedic lab run (\S+)[^`]*`; kernel (\S+), incident `(\S+)`\):\n\n```\n(.*?)\n```", re.S
)
NOT_MADE = "Not made in our lab"
PAGES_WITH_EXCERPT = [
    cause.id for cause, _ in EXPLAINED if NOT_MADE not in (PAGES / f"{cause.id}.md").read_text()
]


def words_of(incident: Incident) -> str:
    """All that the incident holds, as text."""
    boots = [f"-- Boot {boot.boot_id.replace('-', '')} --\n{boot.text}" for boot in incident.boots]
    files = [data.decode(errors="replace") for data in incident.files.values()]
    return "\n".join([*boots, *files]).replace("\t", " ")


@pytest.mark.parametrize("cause", PAGES_WITH_EXCERPT)
def test_an_excerpt_is_of_the_incident_that_it_names(cause: str) -> None:
    found = EXCERPT.search((PAGES / f"{cause}.md").read_text())

    assert found is not None
    scenario, kernel, name, lines = found.groups()
    incident = load(CORPUS / name)
    words = words_of(incident)
    assert scenario in SCENARIOS
    assert (incident.label.scenario, incident.label.kernel) == (scenario, kernel)
    assert cause in (incident.label.cause, *incident.label.also)
    for line in lines.splitlines():
        assert line.removesuffix("...") in words


def test_nearly_every_page_of_a_post_mortem_has_one() -> None:
    assert len(PAGES_WITH_EXCERPT) >= 0.8 * len(EXPLAINED)
