"""When a failure is back under the same load."""

from __future__ import annotations

import pytest
from tests.unit.lab.experiment_results import reading

from kvmedic.lab.experiment_loads import LOADS
from kvmedic.units import MIB


@pytest.mark.parametrize(
    ("rss_mib", "charged_mib", "is_back"),
    [(990, 1000, True), (603, 999, True), (603, 620, False)],
)
def test_an_undone_balloon_is_back_too_when_its_memory_is_stranded_instead(
    rss_mib: int, charged_mib: int, is_back: bool
) -> None:
    actual = {"actual_bytes": 620 * MIB, "maximum_bytes": 1024 * MIB}
    before = reading(rss_bytes=1005 * MIB, charged_bytes=997 * MIB, **actual)

    now = reading(rss_bytes=rss_mib * MIB, charged_bytes=charged_mib * MIB, **actual)

    assert LOADS["undone"].is_back(before, now) is is_back


@pytest.mark.parametrize(("stranded_mib", "is_back"), [(142, True), (71, True), (44, False), (9, False)])
def test_stranded_memory_is_back_when_half_as_much_is_stranded_again(
    stranded_mib: int, is_back: bool
) -> None:
    now = reading(stranded_bytes=stranded_mib * MIB)

    assert LOADS["stranded"].is_back(reading(), now) is is_back
