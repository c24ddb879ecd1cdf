"""Every incident of the corpus is well-formed, small, and labelled with a cause that exists."""

from __future__ import annotations

from pathlib import Path

import pytest

from kvmedic.diagnose.catalogue import CAUSES
from kvmedic.lab.incident import ARCHIVE, LABEL, Incident, is_held_out, load
from kvmedic.lab.renderings import FORMATS
from kvmedic.lab.scenarios import SCENARIOS
from kvmedic.lab.truth import TRUTH

CORPUS = Path(__file__).parents[2] / "data" / "incidents"
FOLDERS = sorted(path.parent for path in CORPUS.glob(f"*/{LABEL}"))
KNOWN = {cause.id for cause in CAUSES}
LARGEST_BYTES = 30 * 1024
LARGEST_CORPUS_BYTES = 3 * 1024**2
PRIVATE = (b"kvmedic-lab-",)


@pytest.fixture(params=FOLDERS, ids=lambda folder: folder.name)
def incident(request: pytest.FixtureRequest) -> Incident:
    """Each incident in turn."""
    return load(request.param)


def test_there_are_seventy_five_incidents_and_half_of_them_have_decoys() -> None:
    decoyed = [folder for folder in FOLDERS if load(folder).label.decoys]

    assert len(FOLDERS) >= 75
    assert len(decoyed) >= len(FOLDERS) / 2


def test_about_a_third_is_held_out() -> None:
    held_out = [folder for folder in FOLDERS if is_held_out(folder.name)]

    assert 0.2 <= len(held_out) / len(FOLDERS) <= 0.45


def test_the_corpus_is_small() -> None:
    sizes = [path.stat().st_size for folder in FOLDERS for path in folder.iterdir()]

    assert sum(sizes) <= LARGEST_CORPUS_BYTES


def test_every_truth_is_a_known_cause_and_belongs_to_a_scenario() -> None:
    causes = {truth.cause for truth in TRUTH.values() if truth.cause is not None}
    also = {cause for truth in TRUTH.values() for cause in truth.also}

    assert causes | also <= KNOWN
    assert set(TRUTH) == set(SCENARIOS)


def test_the_label_tells_the_truth_of_the_table(incident: Incident) -> None:
    truth = TRUTH[incident.label.scenario]

    assert incident.label.cause == (truth.cause or "")
    assert incident.label.also == truth.also
    assert incident.label.held_out == is_held_out(incident.name)
    assert incident.label.proof_in == SCENARIOS[incident.label.scenario].proof_in
    assert incident.label.made_by.startswith(f"kvmedic lab run {incident.label.scenario} ")


def test_the_label_says_how_the_guests_were_started(incident: Incident) -> None:
    lists = [path for path in incident.files if "virsh" in path]

    if "without libvirt" in incident.label.made_on:
        assert not lists
    else:
        assert "libvirt" in incident.label.made_on


def test_an_incident_is_small_and_holds_nothing_of_the_lab(incident: Incident) -> None:
    assert (CORPUS / incident.name / ARCHIVE).stat().st_size <= LARGEST_BYTES
    for name, content in [*incident.files.items(), *((b.boot_id, b.text.encode()) for b in incident.boots)]:
        assert not [word for word in PRIVATE if word in content], name


def test_it_is_rendered_in_each_form_of_its_label(incident: Incident) -> None:
    for form in incident.label.formats:
        assert FORMATS[form][1](incident), form


def test_time_runs_forward_in_each_boot(incident: Incident) -> None:
    for boot in incident.boots:
        assert boot.started_at > 1.6e9
    assert sorted(boot.started_at for boot in incident.boots) == [b.started_at for b in incident.boots]
