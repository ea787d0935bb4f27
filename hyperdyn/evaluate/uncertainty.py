"""Whether a method knows how far its predictions of unseen systems are off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from hyperdyn.calibration import GaussianCalibration
from hyperdyn.evaluate.results import UncertaintyScore
from hyperdyn.evaluate.undisturbed import undisturbed
from hyperdyn.evaluate.windows import Windows, systems_of
from hyperdyn.models.base import AbstractDynamics
from hyperdyn.progress import Meter
from hyperdyn.shards.store import ShardStore
from hyperdyn.types import Batch


def calibration(
    model: AbstractDynamics,
    store: ShardStore,
    *,
    method: str,
    splits: Sequence[str] = ("interpolation", "extrapolation"),
    windows: Windows | None = None,
    seed: int = 0,
    progress: bool = True,
) -> list[UncertaintyScore]:
    """Scores of the standard deviations of one step, on the windows of `rollout_error`; none where a method gives none.

    method: name of the model in the records. seed: of the training run that made it.

    Raises:
        ShardError, ConfigError: see `Windows`.
    """
    windows = windows or Windows()
    scores: list[UncertaintyScore] = []
    for split in splits:
        systems = len(systems_of(store, split))
        found = {k: SplitUncertainty() for k in windows.history_sizes}
        with Meter(f"uncertainty of {method}, {split}", systems, "predictions", enabled=progress) as bar:
            for batch in windows.batches(store, split):
                if not add_batch(found, model, batch, windows):
                    return []
                for _ in batch.system:
                    bar.advance(windows.rows * len(found))
        scores += [u.score(method, split, k, seed, windows.context) for k, u in found.items()]
    return scores


class SplitUncertainty:
    """Calibration on one split with one K, of each of its systems."""

    def __init__(self) -> None:
        self.systems: list[GaussianCalibration] = []
        self.surprise: list[float] = []

    def update(self, mean: Tensor, std: Tensor, true: Tensor, surprise: Tensor | None) -> None:
        """mean, std, true [B,N,Y], normalised; surprise [B]."""
        for rows in zip(mean, std, true, strict=True):
            self.systems.append(GaussianCalibration().to(mean.device))
            self.systems[-1].update(*rows)
        if surprise is not None:
            self.surprise += surprise.tolist()

    def score(self, method: str, split: str, history: int, seed: int, context: str) -> UncertaintyScore:
        found = [m.compute() for m in self.systems]
        nll, coverage, width, rank_correlation = (
            tuple(float(getattr(f, name)) for f in found) for name in ("nll", "coverage", "width", "rank_correlation")
        )
        surprise = tuple(self.surprise)
        return UncertaintyScore(method, split, history, seed, context, nll, coverage, width, rank_correlation, surprise)


def add_batch(found: Mapping[int, SplitUncertainty], model: AbstractDynamics, batch: Batch, windows: Windows) -> bool:
    """Predict the first steps of one batch with each K; whether the model said how sure it was.

    A privileged model is told the true factors.
    """
    batch = batch.to(next(model.parameters()).device)
    obs, action, true = batch.query.obs[:, :, 0], batch.query.action[:, :, 0], batch.query.next_obs[:, :, 0]
    norm = model.norm
    with undisturbed(model):
        for k, uncertainty in found.items():
            expert = model.adapt(model.told(windows.first(batch.context, k), batch.factors))
            step = expert.step(expert.start(obs), action)
            if step.std is None:
                return False
            mean, std, truth = (norm.relative(v) for v in (step.next_obs - obs, step.std, true - obs))
            uncertainty.update(mean, std, truth, expert.surprise)
    return True
