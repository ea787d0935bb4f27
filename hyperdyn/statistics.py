"""Summaries that a few unlucky systems cannot turn over, and how far to trust them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hyperdyn.errors import ShapeError

Array = NDArray[np.float64]
Statistic = Callable[[Array], Array]
"""Values [...,M] to one number each, [...]."""
PairStatistic = Callable[[Array, Array], Array]
"""Values [...,M] and [...,M], pair by pair, to one number each, [...]."""


@dataclass(frozen=True)
class Interval:
    """A summary and the ends of its confidence interval."""

    value: float
    low: float
    high: float


def iqm(values: ArrayLike) -> Array:
    """Interquartile mean over the last axis: the mean of the middle half.

    Agarwal et al., "Deep RL at the edge of the statistical precipice" (2021). A value that a quartile cuts through
    counts with the part that lies inside, so the result does not jump with the number of values.
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64), axis=-1)
    m = ordered.shape[-1]
    edges = np.arange(m + 1)
    weight = np.diff(np.clip(edges, m / 4, 3 * m / 4))  # length of [i, i+1] inside the middle half
    inside = weight > 0
    return np.asarray((ordered[..., inside] * weight[inside]).sum(-1) / weight.sum())


def rms(values: ArrayLike) -> Array:
    """Root mean square over the last axis: what per-system NRMSE of equally many rows pools to."""
    return np.sqrt(np.mean(np.square(np.asarray(values, dtype=np.float64)), axis=-1))


def bootstrap_interval(
    values: ArrayLike,
    *,
    rng: np.random.Generator,
    statistic: Statistic = iqm,
    level: float = 0.95,
    draws: int = 2000,
) -> Interval:
    """Percentile interval of a statistic of values [seeds, systems].

    Every draw takes seeds with replacement and, independently, systems with replacement, and keeps the grid that they
    cross: one training run is evaluated on all systems, so its luck is shared by them. (Resampling runs within each
    system separately would average that luck away.) Both sources of spread count; with one seed, only the systems'.

    Raises:
        ShapeError: not a [seeds, systems] array of at least one value.
    """
    grid = _grid(values)
    return _interval(statistic(grid.reshape(-1)), _resampled(grid, rng, draws), statistic, level)


def paired_difference(
    first: ArrayLike,
    second: ArrayLike,
    *,
    rng: np.random.Generator,
    statistic: Statistic = iqm,
    level: float = 0.95,
    draws: int = 2000,
) -> Interval:
    """statistic(first - second) of two [seeds, systems] arrays that share seeds and systems, with its interval.

    What is common to a pair, an easy system or a lucky initial state, cancels. An interval that excludes 0 is evidence.

    Raises:
        ShapeError: the two have different shapes.
    """
    a, b = _grid(first), _grid(second)
    if a.shape != b.shape:
        raise ShapeError("a paired difference needs the same seeds and systems", got=f"{a.shape} and {b.shape}")
    return bootstrap_interval(a - b, rng=rng, statistic=statistic, level=level, draws=draws)


def paired_statistic(
    first: ArrayLike,
    second: ArrayLike,
    statistic: PairStatistic,
    *,
    rng: np.random.Generator,
    level: float = 0.95,
    draws: int = 2000,
) -> Interval:
    """statistic(first, second) of two [seeds, systems] arrays that share seeds and systems, with its interval.

    Every draw takes the same seeds and systems of both.

    Raises:
        ShapeError: the two have different shapes.
    """
    a, b = _grid(first), _grid(second)
    if a.shape != b.shape:
        raise ShapeError("a paired statistic needs the same seeds and systems", got=f"{a.shape} and {b.shape}")
    cells = np.arange(a.size, dtype=np.float64)

    def of_cells(index: Array) -> Array:
        i = index.astype(np.int64)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(statistic(a.reshape(-1)[i], b.reshape(-1)[i]))

    return _interval(of_cells(cells), _resampled(cells.reshape(a.shape), rng, draws), of_cells, level)


def paired_ratio(
    first: ArrayLike,
    second: ArrayLike,
    *,
    rng: np.random.Generator,
    statistic: Statistic = rms,
    level: float = 0.95,
    draws: int = 2000,
) -> Interval:
    """statistic(first) / statistic(second), as `paired_statistic`. An interval that excludes 1 is evidence."""

    def ratio(a: Array, b: Array) -> Array:
        return statistic(a) / statistic(b)

    return paired_statistic(first, second, ratio, rng=rng, level=level, draws=draws)


def auroc_interval(
    inside: ArrayLike, outside: ArrayLike, *, rng: np.random.Generator, level: float = 0.95, draws: int = 2000
) -> Interval:
    """Chance that a value of outside [seeds, n] exceeds one of inside [seeds, m] of the same seed, a tie counting half.

    Percentile interval: every draw takes seeds, and of either kind systems, with replacement.

    Raises:
        ShapeError: not two arrays of values with as many seeds.
    """
    a, b = _grid(inside), _grid(outside)
    if len(a) != len(b):
        raise ShapeError("values inside and outside need the same seeds", got=f"{a.shape} and {b.shape}")
    a, b = a[:, :, None], b[:, None, :]
    above = (b > a) + 0.5 * (a == b)  # [seeds,m,n]
    of_seed, of_a, of_b = (rng.multinomial(n, np.full(n, 1 / n), size=draws) / n for n in above.shape)  # [draws,.]
    resampled = np.einsum("ds,dm,dsm->d", of_seed, of_a, np.einsum("smn,dn->dsm", above, of_b))
    low, high = np.quantile(resampled, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(above.mean()), float(low), float(high))


def _grid(values: ArrayLike) -> Array:
    grid = np.asarray(values, dtype=np.float64)
    if grid.ndim != 2 or grid.size == 0:
        raise ShapeError("cannot summarise", got=f"an array of shape {grid.shape}", expected="[seeds, systems]")
    return grid


def _resampled(grid: Array, rng: np.random.Generator, draws: int) -> Array:
    """[draws, seeds * systems]."""
    seeds, systems = grid.shape
    i = rng.integers(seeds, size=(draws, seeds, 1))
    j = rng.integers(systems, size=(draws, 1, systems))
    return grid[i, j].reshape(draws, seeds * systems)


def _interval(value: Array, resampled: Array, statistic: Statistic, level: float) -> Interval:
    with np.errstate(invalid="ignore"):  # a diverged model's infinities
        low, high = np.quantile(statistic(resampled), [(1 - level) / 2, (1 + level) / 2], method="inverted_cdf")
    return Interval(float(value), float(low), float(high))
