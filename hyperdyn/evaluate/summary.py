"""Records to numbers with intervals: what tables and figures show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hyperdyn.envs.spec import SPLITS
from hyperdyn.errors import HyperdynError
from hyperdyn.evaluate.results import CEILING, FLOOR, PlanningScore, PredictionScore, Results, UncertaintyScore
from hyperdyn.statistics import Array, Interval, auroc_interval, bootstrap_interval, iqm, paired_difference, rms

SPLIT_LABELS = {
    "train": "seen systems, new episodes",
    "interpolation": "unseen, in range",
    "extrapolation": "unseen, out of range",
}
SHORT = {"train": "seen", "interpolation": "in range", "extrapolation": "out of range"}
BOOTSTRAP_SEED = 0
INSIDE, OUTSIDE = "interpolation", "extrapolation"

Known = tuple[int, int]
Records = Sequence[PredictionScore] | Sequence[PlanningScore] | Sequence[UncertaintyScore]


@dataclass(frozen=True)
class Summary:
    """An interval over `seeds` training runs and `systems` systems."""

    interval: Interval
    seeds: int
    systems: int


def splits_of(records: Records) -> list[str]:
    """Splits that occur, in the order seen, unseen, outside."""
    present = {r.split for r in records}
    return [s for s in SPLITS if s in present] + sorted(present - set(SPLITS))


def methods_of(records: Records) -> list[str]:
    """Methods that occur, in order of first appearance; the floor first, the ceiling last."""
    names = list(dict.fromkeys(r.method for r in records))
    return sorted(names, key=lambda name: (name == CEILING) - (name == FLOOR))


def histories_of(records: Records) -> list[int]:
    return sorted({r.history for r in records})


def prediction(results: Results, method: str, split: str, history: int, step: int) -> Summary | None:
    """NRMSE `step` steps ahead with its 95 % interval, contexts from other episodes if there are any; None if none."""
    chosen = [r for r in results.prediction if (r.method, r.split, r.history) == (method, split, history)]
    chosen = [r for r in chosen if len(r.per_system[0]) >= step]
    chosen = [r for r in chosen if r.context == "support"] or chosen
    if not chosen:
        return None
    grid = _grid([[row[step - 1] for row in r.per_system] for r in chosen])
    return Summary(bootstrap_interval(grid, rng=_rng(), statistic=rms), *grid.shape)


POSE = (("position", "mm", 1000.0), ("heading", "deg", 180 / np.pi))
"""What the two errors of a pose are of, their units, and how many of these are one of SI."""


def pose(results: Results, method: str, split: str, history: int, part: int) -> Summary | None:
    """RMSE one step ahead of the position (part 0) or heading (1) with its 95 % interval, in the units of `POSE`."""
    chosen = [r for r in results.prediction if r.pose and (r.method, r.split, r.history) == (method, split, history)]
    chosen = [r for r in chosen if r.context == "support"] or chosen
    if not chosen:
        return None
    grid = POSE[part][2] * _grid([[row[part] for row in r.pose] for r in sorted(chosen, key=lambda r: r.seed)])
    return Summary(bootstrap_interval(grid, rng=_rng(), statistic=rms), *grid.shape)


def calibration(results: Results, method: str, split: str, history: int, what: str) -> Summary | None:
    """Mean over systems of a field of `UncertaintyScore` with its 95 % interval; None if there are no values."""
    grid = _known(results, method, split, history, what)
    return None if grid is None else Summary(bootstrap_interval(grid, rng=_rng(), statistic=_mean), *grid.shape)


def surprise_auroc(results: Results, method: str, history: int) -> Summary | None:
    """Chance that a system outside of the training range surprises a method more than one inside; None if unknown."""
    seeds_of = [{r.seed for r in results.uncertainty if (r.method, r.split) == (method, s)} for s in (INSIDE, OUTSIDE)]
    if seeds_of[0] != seeds_of[1]:  # a run that was judged on one split only has no partner
        return None
    inside, outside = (_known(results, method, split, history, "surprise") for split in (INSIDE, OUTSIDE))
    if inside is None or outside is None or len(inside) != len(outside):
        return None
    seeds, systems = inside.shape
    return Summary(auroc_interval(inside, outside, rng=_rng()), seeds, systems + outside.shape[1])


def _known(results: Results, method: str, split: str, history: int, what: str) -> Array | None:
    """[seeds, systems] of a field, contexts from other episodes if there are any."""
    chosen = [r for r in results.uncertainty if (r.method, r.split, r.history) == (method, split, history)]
    chosen = [r for r in chosen if getattr(r, what)]
    chosen = [r for r in chosen if r.context == "support"] or chosen
    return _grid([list(getattr(r, what)) for r in sorted(chosen, key=lambda r: r.seed)]) if chosen else None


def _mean(values: Array) -> Array:
    return np.asarray(values.mean(-1))


def known_of(score: PlanningScore) -> Known:
    """What the method knew: K earlier transitions of the system, and K of the running episode."""
    return score.support, score.history


def known_text(known: Known) -> str:
    """As K = 16, K = 5 earlier, or K = 5 earlier + 8."""
    support, history = known
    if not support:
        return f"K = {history}"
    return f"K = {support} earlier" + (f" + {history}" if history else "")


def planning(results: Results, method: str, split: str) -> Summary | None:
    """Interquartile mean of the return, where most transitions were known; None where there is none."""
    grid = _returns(results, method, split)
    return None if grid is None else Summary(bootstrap_interval(grid, rng=_rng()), *grid.shape)


def success(results: Results, method: str, split: str, planner: str, steps: int, known: Known) -> Summary | None:
    """Share of systems in which a method got where it should, with its 95 % interval; None if nobody judged it."""
    wanted = (method, split, planner, steps, known)
    chosen = [
        r for r in results.planning if r.success and (r.method, r.split, r.planner, r.steps, known_of(r)) == wanted
    ]
    if not chosen:
        return None
    grid = _grid([list(r.success) for r in sorted(chosen, key=lambda r: r.seed)])
    return Summary(bootstrap_interval(grid, rng=_rng(), statistic=_mean), *grid.shape)


def success_share(results: Results, method: str, split: str) -> Summary | None:
    """As `success`, of results that plan in one way."""
    own = next((r for r in results.planning if (r.method, r.split) == (method, split)), None)
    return None if own is None else success(results, method, split, own.planner, own.steps, known_of(own))


def return_difference(results: Results, first: str, second: str, split: str) -> Summary | None:
    """Return of the first method minus the second's, system by system, of the seeds that both have; None if none.

    The floor and the ceiling were not trained: each has one run, which is paired with every seed of the other.
    """
    how = _how(results, first, split)
    runs = [_runs(results, method, split, how) for method in (first, second)]
    trained = [r.keys() for m, r in zip((first, second), runs, strict=True) if m not in (FLOOR, CEILING)]
    seeds = sorted(set.intersection(*map(set, trained or [r.keys() for r in runs])))
    if not seeds or not all(runs):
        return None
    rows = [
        [next(iter(r.values())) if m in (FLOOR, CEILING) else r[s] for s in seeds]
        for m, r in zip((first, second), runs, strict=True)
    ]
    a, b = map(_grid, rows)
    return Summary(paired_difference(a, b, rng=_rng()), *a.shape) if a.shape == b.shape else None


def share_of_ceiling(results: Results, method: str, split: str) -> float | None:
    """`share_of` the simulator's return under the same planner, on the systems that both planned for; None where one of
    the two is missing."""
    how = _how(results, method, split)
    own, ceiling = _returns(results, method, split, how), _returns(results, CEILING, split, how)
    if own is None or ceiling is None:
        return None
    both = min(own.shape[1], ceiling.shape[1])
    return share_of(own[:, :both], ceiling[:, :both])


def share_of(returns: Array, ceiling: Array) -> float | None:
    """Interquartile mean of returns relative to that of the ceiling's.

    None where the ceiling's is not positive: of costs the worse would have the larger share.
    """
    most = iqm(ceiling.reshape(-1))
    return float(iqm(returns.reshape(-1)) / most) if most > 0 else None


def _how(results: Results, method: str, split: str) -> tuple[str, int] | None:
    """Planner and steps of a method's latest record."""
    own = [(r.planner, r.steps) for r in results.planning if (r.method, r.split) == (method, split)]
    return own[-1] if own else None


def _returns(results: Results, method: str, split: str, how: tuple[str, int] | None = None) -> np.ndarray | None:
    """[seeds, systems] of a method under one planner: the given one, or that of its latest record."""
    runs = _runs(results, method, split, how or _how(results, method, split))
    return _grid(list(runs.values())) if runs else None


def _runs(results: Results, method: str, split: str, how: tuple[str, int] | None) -> dict[int, list[float]]:
    """Returns of each system for every seed, where most transitions were known."""
    chosen = [r for r in results.planning if (r.method, r.split, (r.planner, r.steps)) == (method, split, how)]
    most = max((_most(r) for r in chosen), default=None)
    chosen = [r for r in chosen if _most(r) == most]
    return {r.seed: list(r.per_system) for r in sorted(chosen, key=lambda r: r.seed)}


def _most(score: PlanningScore) -> tuple[int, Known]:
    return sum(known_of(score)), known_of(score)


def _grid(rows: list[list[float]]) -> np.ndarray:
    """[seeds, systems]."""
    if len({len(r) for r in rows}) != 1:
        raise HyperdynError(
            "training runs were evaluated on different systems",
            got=f"{sorted({len(r) for r in rows})} systems",
            fix="evaluate all of them with the same manifest",
        )
    return np.array(rows)


def _rng() -> np.random.Generator:
    return np.random.default_rng(BOOTSTRAP_SEED)
