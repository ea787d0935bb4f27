"""A change of the system as numbers: error before and after, and how many steps the model takes to adapt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hyperdyn.errors import HyperdynError
from hyperdyn.evaluate.results import ChangeScore
from hyperdyn.statistics import Interval, bootstrap_interval

Array = NDArray[np.float64]

PHASE = 50
"""Steps before the change, and at the end of the episode, that stand for the usual error there."""
ONSET = 5
"""Steps after the change in which it is felt by every method."""
SMOOTHING = 10
"""Steps in a moving average of the error."""
HOLD = 30
"""Moving averages in a row that have to be low: every episode has hard moments, long after it has adapted too."""
REMAINS = 0.1
"""Share of the jump within which an error counts as recovered."""
ROUNDING = 1e-9
BOOTSTRAP_SEED = 0


@dataclass(frozen=True)
class Recovery:
    """NRMSE in the last 50 steps before the change, the first 5 after it, and the last 50 of the episode, if so many
    come after it.

    delay: steps after the change until the error is back; infinite where it never is.
    detected: median transitions until the surprise shows the change; None where the method tells none.
    """

    before: Interval
    onset: Interval
    after: Interval
    delay: Interval
    detected: Interval | None
    seeds: int
    systems: int


@dataclass(frozen=True)
class Way:
    """A method adapted in one way, in one or more training runs; `adaptation` is empty if it makes no difference."""

    method: str
    adaptation: str
    scores: tuple[ChangeScore, ...]


def ways(scores: Sequence[ChangeScore]) -> list[Way]:
    """All that occur, in order of first appearance; once only where several make no difference."""
    grouped: dict[str, dict[str, list[ChangeScore]]] = {}
    for score in scores:
        grouped.setdefault(score.method, {}).setdefault(score.adaptation, []).append(score)
    found = []
    for method, by_adaptation in grouped.items():
        curves = {tuple(s.per_system for s in runs) for runs in by_adaptation.values()}
        if len(curves) == 1 < len(by_adaptation):
            by_adaptation = {"": next(iter(by_adaptation.values()))}
        found += [Way(method, adaptation, tuple(runs)) for adaptation, runs in by_adaptation.items()]
    return found


def recovery(scores: Sequence[ChangeScore]) -> Recovery:
    """Of one method adapted in one way, in one or more training runs; intervals over runs and systems.

    Raises:
        HyperdynError: runs that were judged on different episodes.
    """
    grid = np.square(grid_of(scores))  # [seeds,systems,L]
    seeds, systems, L = grid.shape
    rows = grid.reshape(-1, L)
    step = scores[0].step
    which = np.arange(len(rows), dtype=np.float64).reshape(seeds, systems)

    def interval(column: int) -> Interval:
        def statistic(drawn: Array) -> Array:
            weight = (drawn[..., None] == np.arange(len(rows))).mean(-2)  # [...,rows]
            return _numbers(np.sqrt(_weighted(weight, rows)), step)[..., column]

        return bootstrap_interval(which, rng=np.random.default_rng(BOOTSTRAP_SEED), statistic=statistic)

    before, onset, after, back = (interval(i) for i in range(4))
    return Recovery(before, onset, after, back, _detected(scores, systems), seeds, systems)


def _weighted(weight: Array, rows: Array) -> Array:
    """Means [...,L] of rows [M,L] under weights [...,M]; a row of weight 0 does not count, infinite or not."""
    finite = np.isfinite(rows)
    total = weight @ np.where(finite, rows, 0.0)
    return np.where(weight @ (~finite) > 0, np.inf, total)


def _numbers(error: Array, step: int) -> Array:
    """Error [...,L] to (before, onset, after, delay) [...,4]."""
    late = slice(max(step, error.shape[-1] - PHASE), None)
    before, onset, end = (_rms(error[..., rows]) for rows in (_earlier(step), slice(step, step + ONSET), late))
    return np.stack([before, onset, end, delay(error, step)], axis=-1)


def _earlier(step: int) -> slice:
    return slice(max(0, step - PHASE), step)


def delay(error: Array, step: int) -> Array:
    """Steps [...] from the change until the error [...,L] is back at what it was.

    With before and onset the root mean squares of the error over the 50 steps before the change and the 5 after it, and
    m_d that over steps step + d .. step + d + 9, the least d such that

        m_e <= before + 0.1 max(0, onset - before)    for e = d .. d + 29,

    or up to the end of the episode if that is sooner. Infinite if there is none.
    """
    smooth = _moving_average(error[..., step:])  # [...,D]
    before, onset = _rms(error[..., _earlier(step)])[..., None], _rms(error[..., step : step + ONSET])[..., None]
    with np.errstate(invalid="ignore"):  # a diverged model's infinities
        level = before + REMAINS * np.maximum(onset - before, 0.0)
    low = np.isfinite(smooth) & (smooth <= level * (1 + ROUNDING))
    held = np.concatenate([low, np.ones((*low.shape[:-1], HOLD - 1), dtype=bool)], axis=-1)
    held = np.asarray(np.lib.stride_tricks.sliding_window_view(held, HOLD, axis=-1).all(-1))  # [...,D]
    return np.where(held.any(-1), held.argmax(-1).astype(np.float64), np.inf)


def _moving_average(error: Array) -> Array:
    """RMS over each 10 steps in a row: [...,L] to [...,L-9], entry t over t .. t+9."""
    width = min(SMOOTHING, error.shape[-1])
    return _rms(np.lib.stride_tricks.sliding_window_view(error, width, axis=-1))


def detection(surprise: Array, step: int) -> Array:
    """Transitions [R] after the change until the surprise [R,L] of an episode is first above its usual range.

    Above the 95 % quantile of all episodes' surprise in the last 50 steps before the change. The surprise at step t is
    of the transitions before t, so 1 is the least; chance alone is above once in 20 steps. Infinite where it never is.
    """
    usual = np.quantile(surprise[:, _earlier(step)], 0.95)
    above = surprise[:, step + 1 :] > usual
    return np.where(above.any(1), 1.0 + above.argmax(1), np.inf)


def _detected(scores: Sequence[ChangeScore], systems: int) -> Interval | None:
    if not all(s.detection for s in scores):
        return None
    grid = np.array([s.detection for s in scores]).reshape(len(scores), systems, -1)
    which = np.arange(grid.shape[0] * systems, dtype=np.float64).reshape(-1, systems)
    rows = grid.reshape(-1, grid.shape[-1])  # episodes of a system are drawn together

    def median(drawn: Array) -> Array:
        chosen = rows[drawn.astype(int)].reshape(*drawn.shape[:-1], -1)
        return np.asarray(np.quantile(chosen, 0.5, axis=-1, method="inverted_cdf"))

    return bootstrap_interval(which, rng=np.random.default_rng(BOOTSTRAP_SEED), statistic=median)


def grid_of(scores: Sequence[ChangeScore]) -> Array:
    """NRMSE [seeds,systems,L]."""
    shapes = {np.shape(s.per_system) for s in scores}
    if len(shapes) != 1 or len({s.step for s in scores}) != 1:
        fix = "evaluate all of them with the same settings"
        raise HyperdynError("training runs were judged on different episodes", got=sorted(shapes), fix=fix)
    return np.array([s.per_system for s in scores])


def _rms(values: Array) -> Array:
    return np.asarray(np.sqrt(np.mean(np.square(values), axis=-1)))
