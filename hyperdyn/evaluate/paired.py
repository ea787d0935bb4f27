"""Two methods compared system by system and run by run: what an easy system gives to both cancels."""

from __future__ import annotations

import numpy as np

from hyperdyn.evaluate.results import Results
from hyperdyn.evaluate.summary import BOOTSTRAP_SEED, Summary
from hyperdyn.statistics import Array, paired_ratio, paired_statistic, rms


def error_difference(results: Results, first: str, second: str, split: str, history: int, step: int) -> Summary | None:
    """Pooled NRMSE of the first minus the second's `step` steps ahead; None where they have no seed in common."""
    grids = _errors(results, first, second, split, history, step)
    return None if grids is None else Summary(paired_statistic(*grids, _minus, rng=_rng()), *grids[0].shape)


def error_ratio(results: Results, first: str, second: str, split: str, history: int, step: int) -> Summary | None:
    """Pooled NRMSE of the first relative to the second's; below 1 the first is better."""
    grids = _errors(results, first, second, split, history, step)
    return None if grids is None else Summary(paired_ratio(*grids, rng=_rng(), statistic=rms), *grids[0].shape)


def success_difference(results: Results, first: str, second: str, split: str) -> Summary | None:
    """Success of the first minus the second's, a share of systems; of results that plan in one way.

    None where they have no seed in common.
    """
    own = [
        {r.seed: r.success for r in results.planning if (r.method, r.split) == (m, split) and r.success}
        for m in (first, second)
    ]
    seeds = sorted(own[0].keys() & own[1].keys())
    if not seeds:
        return None
    a, b = (np.array([o[s] for s in seeds]) for o in own)
    return Summary(paired_statistic(a, b, _mean_minus, rng=_rng()), *a.shape) if a.shape == b.shape else None


def _errors(
    results: Results, first: str, second: str, split: str, history: int, step: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """[seeds, systems] of both, of the seeds that both have; contexts from other episodes if both have any."""
    for context in ("support", "recent"):
        own = [
            {
                r.seed: [row[step - 1] for row in r.per_system]
                for r in results.prediction
                if (r.method, r.split, r.history, r.context) == (m, split, history, context)
                and len(r.per_system[0]) >= step
            }
            for m in (first, second)
        ]
        if seeds := sorted(own[0].keys() & own[1].keys()):
            a, b = (np.array([o[s] for s in seeds]) for o in own)
            return (a, b) if a.shape == b.shape else None
    return None


def _minus(first: Array, second: Array) -> Array:
    return np.asarray(rms(first) - rms(second))


def _mean_minus(first: Array, second: Array) -> Array:
    return np.asarray(first.mean(-1) - second.mean(-1))


def _rng() -> np.random.Generator:
    return np.random.default_rng(BOOTSTRAP_SEED)
