"""Two methods compared system by system and run by run: what an easy system gives to both cancels."""

from __future__ import annotations

import numpy as np

from hyperdyn.evaluate.results import Results
from hyperdyn.evaluate.summary import BOOTSTRAP_SEED, Summary
from hyperdyn.statistics import paired_difference, paired_ratio, rms


def error_difference(results: Results, first: str, second: str, split: str, history: int, step: int) -> Summary | None:
    """Interquartile mean of NRMSE of the first minus the second's `step` steps ahead; None where one has none."""
    grids = _errors(results, first, second, split, history, step)
    return None if grids is None else Summary(paired_difference(*grids, rng=_rng()), *grids[0].shape)


def error_ratio(results: Results, first: str, second: str, split: str, history: int, step: int) -> Summary | None:
    """Pooled NRMSE of the first relative to the second's; below 1 the first is better."""
    grids = _errors(results, first, second, split, history, step)
    return None if grids is None else Summary(paired_ratio(*grids, rng=_rng(), statistic=rms), *grids[0].shape)


def _errors(
    results: Results, first: str, second: str, split: str, history: int, step: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """[seeds, systems] of both, of the seeds that both have."""
    own = [
        {
            r.seed: [row[step - 1] for row in r.per_system]
            for r in results.prediction
            if (r.method, r.split, r.history, r.context) == (m, split, history, "support")
            and len(r.per_system[0]) >= step
        }
        for m in (first, second)
    ]
    seeds = sorted(own[0].keys() & own[1].keys())
    grids = [np.array([o[s] for s in seeds]) for o in own]
    return (grids[0], grids[1]) if seeds and grids[0].shape == grids[1].shape else None


def _rng() -> np.random.Generator:
    return np.random.default_rng(BOOTSTRAP_SEED)
