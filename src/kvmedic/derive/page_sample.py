"""How a sample of pageblocks or address windows is drawn, and what it says of the whole.

Design: the units stand in the order of addresses and are cut into strata of equal size; two of each
stratum are drawn without replacement. Neighbours are alike, so strata take out most of the variance, and
two units a stratum and their neighbours leave an estimate of what remains
(Cochran, Sampling Techniques, chapter 5).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
FEW_STRATA = 5
"""A quantity seen in fewer strata than this is bounded by what could have been missed, too."""


class Design(NamedTuple):
    """The units drawn: ``units[2h]`` and ``units[2h + 1]`` come from stratum h of ``sizes[h]`` units.

    When everything is taken ``is_complete`` is true, ``units`` are all, and there is no error.
    """

    units: NDArray[np.int64]
    edges: NDArray[np.int64]
    is_complete: bool

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Units in each stratum."""
        return np.diff(self.edges)


class Estimate(NamedTuple):
    """Totals of the whole, and the half-width of their 95 % intervals."""

    totals: Values
    errors: Values


def draw(population: int, wanted: int, random: np.random.Generator) -> Design:
    """Choose about ``wanted`` of ``population`` units, two from each stratum."""
    strata = max(2, wanted // 2)
    if population <= 2 * strata:
        return Design(np.arange(population), np.arange(population + 1), True)
    edges = np.linspace(0, population, strata + 1).astype(np.int64)
    sizes = np.diff(edges)
    first = (random.random(strata) * sizes).astype(np.int64)
    second = (random.random(strata) * (sizes - 1)).astype(np.int64)
    second += second >= first
    pairs = np.sort(np.stack([first, second], axis=1), axis=1) + edges[:-1, None]
    return Design(pairs.reshape(-1), edges, False)


def estimate(design: Design, values: NDArray[Any], largest: float, *, within: bool = False) -> Estimate:
    """Totals of the whole from ``values`` (one row a unit, one column a quantity).

    ``largest`` is what one unit could hold of a quantity at most: it bounds what the sample missed of a
    quantity that it saw in fewer than five strata (with 95 % certainty
    less than 3/n of the units, each full).
    ``within``: the values are themselves estimates from a sample within each unit, which drawing more units
    does not make exact (a complete design must then have followed everything).
    """
    if design.is_complete or not values.size:
        return Estimate(values.sum(axis=0, dtype=np.float64), np.zeros(values.shape[1]))
    sizes = design.sizes.astype(np.float64)[:, None]
    pairs = values.astype(np.float64).reshape(sizes.size, 2, -1)
    totals = (pairs.mean(axis=1) * sizes).sum(axis=0)
    left_out = 1.0 if within else 1 - 2 / sizes
    variances = sizes**2 * left_out / 2 * _collapsed(pairs)
    errors = _t95(_degrees(variances)) * np.sqrt(variances.sum(axis=0))
    seen = (pairs.sum(axis=1) > 0).sum(axis=0)
    missed = 3 * sizes.sum() / len(values) * largest
    return Estimate(totals, np.where(seen < FEW_STRATA, np.maximum(errors, missed), errors))


def _collapsed(pairs: Values) -> Values:
    """The variance between units, stratum by stratum, from its own two units and the next stratum's two.

    Two alike units in a stratum do not prove it even: a border between two uses of memory may run through
    it unseen. Taking the neighbour in (collapsed strata) makes that border count.
    """
    following = np.concatenate([pairs[1:], pairs[-2:-1]])
    return np.asarray(np.concatenate([pairs, following], axis=1).var(axis=1, ddof=1))


def _degrees(variances: Values) -> Values:
    """Satterthwaite's degrees of freedom; a stratum and its neighbour contribute one and a half."""
    squares = (variances**2).sum(axis=0)
    return np.where(squares > 0, 1.5 * variances.sum(axis=0) ** 2 / np.maximum(squares, 1e-300), np.inf)


_T95 = np.array([12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228])


def _t95(degrees: Values) -> Values:
    """The 97.5 % quantile of Student's t; a table to 10, then the Cornish–Fisher expansion."""
    z = 1.959964
    safe = np.maximum(degrees, 1.0)
    expansion = z + (z**3 + z) / (4 * safe) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * safe**2)
    table = np.interp(np.minimum(safe, 10), np.arange(1, 11), _T95)
    return np.where(safe <= 10, table, expansion)
