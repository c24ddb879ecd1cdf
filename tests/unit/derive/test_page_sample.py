"""Samples of blocks: drawn from everywhere, unbiased, with errors that are true."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from kvmedic.derive.page_sample import draw, estimate

BLOCK = 512


@given(st.integers(1, 5000), st.integers(1, 400), st.integers(0, 2**32))
def test_units_are_distinct_and_two_of_each_stratum(population: int, wanted: int, seed: int) -> None:
    design = draw(population, wanted, np.random.default_rng(seed))
    assert np.unique(design.units).size == design.units.size
    assert design.units.min() >= 0
    assert design.units.max() < population
    if not design.is_complete:
        strata = np.searchsorted(design.edges, design.units, side="right") - 1
        assert (np.bincount(strata) == 2).all()


def test_a_sample_of_everything_has_no_error() -> None:
    values = np.arange(40, dtype=np.float64)[:, None]
    found = estimate(draw(40, 96, np.random.default_rng(1)), values, BLOCK)
    assert (found.totals[0], found.errors[0]) == (values.sum(), 0)


def populations() -> dict[str, NDArray[np.float64]]:
    """Kinds of memory: in runs, scattered, rare, in one place, thin everywhere."""
    random = np.random.default_rng(5)
    count = 6000
    in_runs = np.zeros(count)
    for start in random.choice(count - 100, 40, replace=False).tolist():
        in_runs[start : start + random.integers(1, 90)] = BLOCK
    rare = np.zeros(count)
    rare[random.choice(count, 60, replace=False)] = BLOCK
    one_place = np.zeros(count)
    one_place[700:1300] = BLOCK / 2
    thin = random.integers(0, 20, count).astype(np.float64)
    scattered = np.where(random.random(count) < 0.5, random.integers(0, BLOCK, count), 0).astype(np.float64)
    return {"runs": in_runs, "rare": rare, "one place": one_place, "thin": thin, "scattered": scattered}


@pytest.mark.parametrize("kind", sorted(populations()))
def test_the_stated_error_holds_in_95_of_100_samples(kind: str) -> None:
    values = populations()[kind][:, None]
    random = np.random.default_rng(11)
    runs, hits, sum_of_totals = 600, 0, 0.0
    for _ in range(runs):
        design = draw(len(values), 150, random)
        found = estimate(design, values[design.units], BLOCK)
        hits += bool(abs(found.totals[0] - values.sum()) <= found.errors[0])
        sum_of_totals += float(found.totals[0])
    assert hits >= 0.93 * runs
    assert sum_of_totals / runs == pytest.approx(values.sum(), rel=0.15)


def test_what_was_seen_nowhere_may_still_be_there() -> None:
    design = draw(10_000, 100, np.random.default_rng(1))
    found = estimate(design, np.zeros((100, 1)), BLOCK)
    assert found.errors[0] == pytest.approx(3 / 100 * 10_000 * BLOCK)
