"""Incidents that people published must get the right verdict, and no innocent suspect may be accused."""

from __future__ import annotations

import pytest
from field_samples import SAMPLES, Sample
from telling import top, why


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_the_first_cause_is_the_right_one(sample: Sample) -> None:
    report = why(sample.logs)

    assert top(report) in (sample.cause, *sample.may_be)


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_nobody_innocent_is_accused(sample: Sample) -> None:
    accused = {finding.cause for finding in why(sample.logs).findings if finding.confidence >= 0.7}

    assert not accused & set(sample.not_found)


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_confidence_and_severity_fit_the_evidence(sample: Sample) -> None:
    report = why(sample.logs)

    if report.findings:
        assert report.findings[0].confidence <= sample.most_confidence
        assert report.findings[0].severity in sample.severities


@pytest.mark.parametrize(
    "sample", [s for s in SAMPLES.values() if s.blame], ids=[n for n, s in SAMPLES.items() if s.blame]
)
def test_the_blame_falls_where_it_belongs(sample: Sample) -> None:
    assert why(sample.logs).blame == sample.blame
