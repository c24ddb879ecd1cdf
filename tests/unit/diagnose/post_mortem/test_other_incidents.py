"""Every cause, once or more, with decoys beside the truth."""

from __future__ import annotations

import pytest
from field_samples import Sample
from other_incidents import INCIDENTS
from strange_incidents import STRANGE
from telling import top, why

ALL = INCIDENTS | STRANGE


@pytest.mark.parametrize("sample", ALL.values(), ids=ALL)
def test_the_first_cause_is_the_right_one(sample: Sample) -> None:
    assert top(why(sample.logs)) in (sample.cause, *sample.may_be)


@pytest.mark.parametrize("sample", ALL.values(), ids=ALL)
def test_nobody_innocent_is_accused(sample: Sample) -> None:
    accused = {finding.cause for finding in why(sample.logs).findings if finding.confidence >= 0.7}

    assert not accused & set(sample.not_found)


@pytest.mark.parametrize("sample", ALL.values(), ids=ALL)
def test_confidence_severity_and_blame_fit(sample: Sample) -> None:
    report = why(sample.logs)

    if sample.cause is None:
        assert report.verdict == "healthy"
    else:
        assert report.findings[0].confidence <= sample.most_confidence
        assert report.findings[0].severity in sample.severities
    assert sample.blame in (None, report.blame)
