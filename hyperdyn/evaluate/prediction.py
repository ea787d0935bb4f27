"""How well a method predicts systems it was not trained on, from K transitions of their history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from hyperdyn.evaluate.results import PredictionScore
from hyperdyn.evaluate.undisturbed import undisturbed
from hyperdyn.evaluate.windows import Windows, systems_of
from hyperdyn.metrics import HorizonError, nrmse, squared_error
from hyperdyn.models.base import AbstractDynamics, rollout
from hyperdyn.progress import Meter
from hyperdyn.shards.store import ShardStore
from hyperdyn.types import Batch, Frame


def rollout_error(
    model: AbstractDynamics,
    store: ShardStore,
    *,
    method: str,
    splits: Sequence[str] = ("interpolation", "extrapolation"),
    windows: Windows | None = None,
    seed: int = 0,
    progress: bool = True,
) -> list[PredictionScore]:
    """Scores of a model on every system of the splits, for each number of history transitions.

    method: name of the model in the records. seed: of the training run that made it.

    Raises:
        ShardError, ConfigError: see `Windows`.
    """
    windows = windows or Windows()
    scores = []
    for split in splits:
        systems = len(systems_of(store, split))
        with Meter(f"predict with {method}, {split}", systems, "rollouts", enabled=progress) as bar:
            found = {k: SplitError(windows.horizon, model.spec.obs_dim) for k in windows.history_sizes}
            for batch in windows.batches(store, split):
                add_batch(found, model, batch, windows)
                for _ in batch.system:
                    bar.advance(windows.rows * len(found))
        for k, error in found.items():
            per_system, rmse = error.compute()
            pose = () if model.spec.frame is None else _tuples(error.pose(model.spec.frame))
            found_now = (_tuples(per_system), _tuples(rmse), pose)
            scores.append(PredictionScore(method, split, k, seed, windows.context, *found_now))
    return scores


class SplitError:
    """Error on one split with one K: pooled over its systems, and of each by itself."""

    def __init__(self, horizon: int, obs_dim: int) -> None:
        self.pooled = HorizonError(horizon, obs_dim)
        self.per_system: list[Tensor] = []  # SSE [B,T,S] of each batch
        self.rows = 0  # N of each system

    def update(self, predicted: Tensor, true: Tensor, obs: Tensor) -> None:
        """predicted, true [B,N,T,S]; obs [B,N,S]."""
        self.pooled.to(predicted.device).update(predicted, true, obs)
        self.per_system.append(squared_error(predicted, true).sum(1))
        self.rows = predicted.shape[1]

    def compute(self) -> tuple[Tensor, Tensor]:
        """NRMSE of each system [systems,T], whose root mean square is the split's; RMSE of the split [T,S]."""
        error_sq, metric = torch.cat(self.per_system), self.pooled
        return nrmse(error_sq * len(error_sq), metric.total_sq, metric.count), metric.compute().rmse

    def pose(self, frame: Frame) -> Tensor:
        """RMSE one step ahead of the position [m] and of the heading [rad] of each system, [systems,2]."""
        error_sq = torch.cat(self.per_system)[:, 0] / self.rows  # [systems,S]
        return torch.stack([error_sq[:, list(frame.position)].sum(-1), error_sq[:, frame.heading]], dim=-1).sqrt()


def add_batch(
    errors: Mapping[int, SplitError] | Mapping[int, HorizonError],
    model: AbstractDynamics,
    batch: Batch,
    windows: Windows,
) -> None:
    """Predict one batch of systems with each K, and add what came of it to the errors of that K.

    A privileged model is told the true factors.
    """
    batch = batch.to(next(model.parameters()).device)
    start, true = batch.query.obs[:, :, 0], batch.query.next_obs
    with undisturbed(model):
        for k, error in errors.items():
            context = model.told(windows.first(batch.context, k), batch.factors)
            error.update(rollout(model.adapt(context), start, batch.query.action), true, start)


def _tuples(values: Tensor) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in values.cpu().tolist())
