"""Every remedy has its permanent id, one file of that name, a page with all its parts, and causes."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from refusals import ACTORS, refusals_of

from kvmedic.diagnose.catalogue import CAUSES, LIVING
from kvmedic.plan.catalogue import REMEDIES
from kvmedic.plan.situation import Remedy

ROOT = Path(__file__).parents[2]
FILES = ROOT / "src/kvmedic/plan/remedies"
PAGES = ROOT / "docs/remedies"
PERMANENT = [
    "release-stranded-memory",
    "compact-memory",
    "tune-host",
    "deflate-balloon",
    "pin-memory",
    "disable-balloon",
    "enable-free-page-reporting",
    "raise-cgroup-limit",
    "migrate-domain",
    "evacuate-host",
    "reboot-host",
]
LEAST_REFUSALS = 5
PARTS = (
    "What it changes",
    "When it is refused",
    "What it costs",
    "How to undo it",
    "What was measured, and where",
)


def test_the_ids_are_the_permanent_ones_and_each_stands_once() -> None:
    assert sorted(remedy.id for remedy in REMEDIES) == sorted(PERMANENT)


@pytest.mark.parametrize("remedy", REMEDIES, ids=lambda remedy: remedy.id)
def test_every_remedy_has_a_file_of_its_name(remedy: Remedy) -> None:
    name = remedy.id.replace("-", "_")
    module = importlib.import_module(f"kvmedic.plan.remedies.{name}")

    assert (FILES / f"{name}.py").is_file()
    assert remedy.id == module.ID
    assert module.REMEDY is remedy


@pytest.mark.parametrize("remedy", REMEDIES, ids=lambda remedy: remedy.id)
def test_every_remedy_has_a_page_with_all_its_parts(remedy: Remedy) -> None:
    page = (PAGES / f"{remedy.id}.md").read_text()
    headings = [line[3:] for line in page.splitlines() if line.startswith("## ")]

    assert page.startswith(f"# {remedy.id}\n\n{remedy.title}.\n")
    assert sorted(heading for heading in headings if heading in PARTS) == sorted(PARTS)


@pytest.mark.parametrize("remedy", ACTORS)
def test_the_page_tells_every_refusal_in_the_words_of_the_code(remedy: str) -> None:
    page = " ".join((PAGES / f"{remedy}.md").read_text().split())
    sentences = refusals_of(remedy)

    assert len(sentences) >= LEAST_REFUSALS
    assert [sentence for sentence in sentences if " ".join(sentence.split()) not in page] == []


@pytest.mark.parametrize("remedy", REMEDIES, ids=lambda remedy: remedy.id)
def test_every_remedy_answers_causes_that_exist(remedy: Remedy) -> None:
    assert remedy.answers
    assert set(remedy.answers) <= {cause.id for cause in CAUSES}


def test_every_remedy_that_a_rule_names_is_a_permanent_one() -> None:
    named = {
        remedy
        for cause in LIVING
        for remedy in importlib.import_module(
            f"kvmedic.diagnose.causes.{cause.id.replace('-', '_')}"
        ).REMEDIES
    }

    assert named <= set(PERMANENT)
