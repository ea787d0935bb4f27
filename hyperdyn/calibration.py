"""Whether a model that says how sure it is may be believed."""

from __future__ import annotations

import math
from statistics import NormalDist

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from hyperdyn.errors import ShapeError
from hyperdyn.metrics import squared_error

LEVEL = 0.9
"""Of the intervals whose coverage is measured."""
HALF_WIDTH = NormalDist().inv_cdf((1 + LEVEL) / 2)
"""Of such an interval, in standard deviations."""


class Calibration:
    """What `GaussianCalibration` found, scalars. In units of what was given, nll and width; the others have none.

    Not a frozen dataclass: torchmetrics refuses to hand one out.
    """

    def __init__(self, nll: Tensor, coverage: Tensor, width: Tensor, rank_correlation: Tensor) -> None:
        self.nll = nll
        self.coverage = coverage
        self.width = width
        self.rank_correlation = rank_correlation


class GaussianCalibration(Metric):
    """Of predictions N(mean, std^2), over all rows and entries seen:

    nll                 mean of 1/2 (e / std)^2 + log std + 1/2 log 2 pi,   e = true - mean
    coverage            share of |e| <= 1.645 std, the 90 % intervals
    width               mean of 2 * 1.645 std
    rank_correlation    Spearman's, of std with |e|; 0 where one of them never varies

    A true Gaussian with its true std has coverage .90 and its entropy as nll; for a given coverage, narrower is better.
    Give normalised values where entries have different units. Ranks of processes may hold any share of the rows. A
    prediction that is not finite is never covered.
    """

    full_state_update = False
    is_differentiable = False
    std: list[Tensor]
    error: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.add_state("std", [], dist_reduce_fx="cat")
        self.add_state("error", [], dist_reduce_fx="cat")
        self.set_dtype(torch.float64)

    def update(self, mean: Tensor, std: Tensor, true: Tensor) -> None:
        """Each [...,S]. Raises ShapeError where their shapes differ, or a std is negative."""
        if not mean.shape == std.shape == true.shape:
            got = f"mean {tuple(mean.shape)}, std {tuple(std.shape)}, true {tuple(true.shape)}"
            raise ShapeError("predictions do not fit", got=got, expected="three of one shape")
        if (std < 0).any():
            raise ShapeError("a standard deviation is negative", got=float(std.min()), expected="0 or more")
        self.std.append(std.double().flatten())
        self.error.append(squared_error(mean, true).sqrt().flatten())

    def compute(self) -> Calibration:
        """Of all rows seen; at least one."""
        std, error = dim_zero_cat(self.std), dim_zero_cat(self.error)
        nll = 0.5 * (error / std).square() + std.log() + 0.5 * math.log(2 * math.pi)
        covered = (error.isfinite() & (error <= HALF_WIDTH * std)).double()
        return Calibration(nll.mean(), covered.mean(), 2 * HALF_WIDTH * std.mean(), spearman(std, error))


def ranks(values: Tensor) -> Tensor:
    """Ranks [n] of values [n], from 1 up; equal values share the mean of theirs."""
    _, place, count = torch.unique(values, return_inverse=True, return_counts=True)
    last = count.cumsum(0)
    return (last - (count - 1) / 2).double()[place]


def spearman(a: Tensor, b: Tensor) -> Tensor:
    """Rank correlation of a [n] and b [n]: the correlation of their ranks; 0 where one of them never varies."""
    a, b = (ranks(v) - (len(v) + 1) / 2 for v in (a, b))
    spread = (a.square().sum() * b.square().sum()).sqrt()
    return torch.where(spread > 0, (a * b).sum() / torch.where(spread > 0, spread, 1.0), 0.0)
