"""Noise has the covariance that its name says."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from hyperdyn.errors import ConfigError
from hyperdyn.planning.cem import CEM
from hyperdyn.planning.icem import ICEM
from hyperdyn.planning.mppi import MPPI
from hyperdyn.planning.noise import ar1_factor, coloured_factor, correlated
from hyperdyn.planning.random_shooting import RandomShooting


@pytest.mark.parametrize("coefficient", [0.0, 0.6, 0.95])
def test_ar1_has_its_autocovariance_and_is_stationary(coefficient: float) -> None:
    lag = (torch.arange(16)[:, None] - torch.arange(16)).abs()
    R = ar1_factor(16, coefficient)
    torch.testing.assert_close(R @ R.T, coefficient ** lag.float())
    assert torch.equal(R, R.tril())


@pytest.mark.parametrize("horizon", [1, 15, 16])
@pytest.mark.parametrize("beta", [0.0, 1.0, 2.5])
def test_coloured_noise_has_its_spectrum_and_unit_variance(horizon: int, beta: float) -> None:
    R = coloured_factor(horizon, beta)
    covariance = R @ R.T
    torch.testing.assert_close(covariance.diagonal(), torch.ones(horizon))
    power = torch.fft.fft(covariance[0]).real[1 : horizon // 2 + 1]  # at frequencies 1, 2, ... over H
    if horizon > 1:
        torch.testing.assert_close(power / power[0], torch.arange(1.0, len(power) + 1) ** -beta, atol=1e-4, rtol=1e-3)


def test_white_noise_is_both_kinds_without_correlation() -> None:
    torch.testing.assert_close(ar1_factor(8, 0.0), torch.eye(8))
    torch.testing.assert_close(coloured_factor(8, 0.0), torch.eye(8))


def test_draws_have_the_covariance_over_time_and_none_elsewhere() -> None:
    torch.manual_seed(0)
    B, H, rows, A = 2, 6, 20_000, 2
    noise = correlated(ar1_factor(H, 0.7), [torch.Generator().manual_seed(s) for s in range(B)], rows, A)
    joint = noise.permute(2, 0, 3, 1).reshape(rows, B * A * H)
    lag = (torch.arange(H)[:, None] - torch.arange(H)).abs()
    expected = torch.block_diag(*[0.7 ** lag.float()] * (B * A))
    torch.testing.assert_close(torch.cov(joint.T), expected, atol=6 / math.sqrt(rows), rtol=0)


def test_random_shooting_is_uniform_whatever_the_correlation() -> None:
    seen: list[Tensor] = []

    def cost(actions: Tensor) -> Tensor:
        seen.append(actions)
        return actions.sum((2, 3))

    RandomShooting(horizon=4, candidates=40_000, correlation=0.9).plan(cost, 1, [torch.Generator().manual_seed(0)])
    for step in seen[0][0, :, :, 0].T:
        quantiles = step.quantile(torch.linspace(0, 1, 11))
        torch.testing.assert_close(quantiles, torch.linspace(-1, 1, 11), atol=0.03, rtol=0)
    assert torch.corrcoef(seen[0][0, :, :2, 0].T)[0, 1] > 0.85


@pytest.mark.parametrize(
    ("planner", "option"),
    [
        (CEM, {"correlation": 1.0}),
        (CEM, {"momentum": -0.1}),
        (CEM, {"std": 0.0}),
        (CEM, {"min_std": -1.0}),
        (CEM, {"iterations": 0}),
        (CEM, {"execute": "median"}),
        (CEM, {"std": math.nan}),
        (ICEM, {"beta": -1.0}),
        (ICEM, {"decay": 0.5}),
        (ICEM, {"elites": 96}),
        (MPPI, {"temperature": 0.0}),
        (RandomShooting, {"correlation": -0.5}),
    ],
    ids=str,
)
def test_options_of_one_planner_are_checked(planner: type, option: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=next(iter(option))):
        planner(**option)
