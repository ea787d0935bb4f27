"""How far a prediction is from the truth, h steps ahead."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics import Metric

from hyperdyn.errors import ShapeError

MIN_STD = 1e-6
"""An entry whose change varies less than this has no scale to measure an error by: NRMSE leaves it out."""


class Errors:
    """nrmse [T]: no unit, 1.0 for predicting the mean change; rmse [T,S]: physical units of each entry.

    No dataclass: torchmetrics looks into those, refuses frozen ones and squeezes the T of a tensor where it is 1.
    """

    def __init__(self, nrmse: Tensor, rmse: Tensor) -> None:
        self.nrmse = nrmse
        self.rmse = rmse


class HorizonError(Metric):
    """Error of predictions h = 1..T steps ahead, pooled over everything that was seen.

    NRMSE_h = sqrt(mean_s SSE_{h,s} / SST_{h,s}),    RMSE_{h,s} = sqrt(SSE_{h,s} / n)

    SSE is the squared error of the observation predicted h steps ahead. SST is the squared deviation of the true h-step
    change from its mean. Predicting the mean change scores exactly 1; scale and origin of an entry do not matter.

    All states are sums in float64: ranks may hold any share of the rows, none included. A prediction that is not finite
    counts as infinitely wrong.
    """

    full_state_update = False
    is_differentiable = False
    higher_is_better = False

    def __init__(self, horizon: int, obs_dim: int) -> None:
        super().__init__()
        self.horizon = horizon
        self.obs_dim = obs_dim
        self.count: Tensor
        self.error_sq: Tensor
        self.change_sum: Tensor
        self.change_sq: Tensor
        self.add_state("count", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        for name in ("error_sq", "change_sum", "change_sq"):
            self.add_state(name, torch.zeros(horizon, obs_dim, dtype=torch.float64), dist_reduce_fx="sum")
        self.set_dtype(torch.float64)

    def update(self, predicted: Tensor, true: Tensor, obs: Tensor) -> None:
        """predicted, true: observations [...,T,S] after each step; obs: [...,S] before the first.

        Raises:
            ShapeError: the three do not fit together, or are not of this metric's T and S.
        """
        horizon = (self.horizon, self.obs_dim)
        if predicted.shape != true.shape or true.shape[-2:] != horizon or obs.shape != true[..., 0, :].shape:
            got = f"predicted {tuple(predicted.shape)}, true {tuple(true.shape)}, obs {tuple(obs.shape)}"
            raise ShapeError(
                "predictions do not fit", got=got, expected=f"[...,T,S], the same, [...,S]; T, S = {horizon}"
            )
        error, change = squared_error(predicted, true), (true.double() - obs.double().unsqueeze(-2))
        change = change.reshape(-1, *horizon)
        self.count += change.shape[0]
        self.error_sq += error.reshape(-1, *horizon).sum(0)
        self.change_sum += change.sum(0)
        self.change_sq += change.square().sum(0)

    @property
    def total_sq(self) -> Tensor:
        """SST [T,S]."""
        return self.change_sq - self.change_sum.square() / self.count

    def compute(self) -> Errors:
        """Errors of all rows seen; NaN where there were none."""
        return Errors(nrmse(self.error_sq, self.total_sq, self.count), (self.error_sq / self.count).sqrt())


def squared_error(predicted: Tensor, true: Tensor) -> Tensor:
    """(predicted - true)^2 in float64; infinite where the prediction is not finite."""
    return (predicted.double() - true.double()).square().nan_to_num(nan=torch.inf, posinf=torch.inf)


def nrmse(error_sq: Tensor, total_sq: Tensor, count: Tensor) -> Tensor:
    """sqrt(mean over entries of SSE / SST), [...,T] from SSE [...,T,S] and SST [T,S] of `count` rows."""
    varies = total_sq > count * MIN_STD**2
    ratio = torch.where(varies, error_sq / torch.where(varies, total_sq, 1.0), 0.0)  # [...,T,S]
    return (ratio.sum(-1) / varies.sum(-1)).sqrt()
