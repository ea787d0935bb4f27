"""What CEM's options mean."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from hyperdyn.planning.cem import CEM
from hyperdyn.planning.elites import refit
from hyperdyn.planning.mppi import MPPI
from hyperdyn.types import Plan


def generator() -> list[torch.Generator]:
    return [torch.Generator().manual_seed(0)]


def distance(actions: Tensor) -> Tensor:
    return (actions - 0.3).square().sum((2, 3))


def test_refit_is_mean_and_population_std_of_the_finite_elites() -> None:
    torch.manual_seed(0)
    elites = torch.randn(1, 4, 3, 2)
    cost = torch.tensor([[1.0, 2.0, torch.inf]])
    mean, std = refit(elites, cost, torch.zeros(1, 4, 1, 2), torch.ones(1, 4, 1, 2), 0.0)
    torch.testing.assert_close(mean[:, :, 0], elites[:, :, :2].mean(2))
    torch.testing.assert_close(std[:, :, 0], elites[:, :, :2].std(2, correction=0))


def test_momentum_is_the_share_of_the_old_mean_and_std() -> None:
    torch.manual_seed(0)
    elites, cost = torch.randn(1, 4, 3, 2), torch.zeros(1, 3)
    old = torch.full((1, 4, 1, 2), 0.5), torch.full((1, 4, 1, 2), 2.0)
    new = refit(elites, cost, *old, 0.0)
    for mixed, before, after in zip(refit(elites, cost, *old, 0.25), old, new, strict=True):
        torch.testing.assert_close(mixed, 0.25 * before + 0.75 * after)


def test_std_has_a_floor() -> None:
    spread = []

    def cost(actions: Tensor) -> Tensor:
        spread.append(actions.std(dim=1).min())
        return distance(actions)

    CEM(iterations=8, elites=1, keep=0, min_std=0.2, candidates=2000, horizon=2).plan(cost, 1, generator())
    torch.testing.assert_close(torch.stack(spread[1:]), torch.full((7,), 0.2), atol=0.02, rtol=0)


def test_executes_the_mean_of_the_elites_or_the_best_one() -> None:
    mean, best = (CEM(execute=e).plan(distance, 2, generator()) for e in ("mean", "best"))
    assert torch.equal(mean.elites, best.elites)
    torch.testing.assert_close(mean.actions, mean.elites.mean(dim=1))
    assert torch.equal(best.actions, best.elites[:, 0])


def test_one_iteration_of_mppi_is_its_weighted_sum() -> None:
    seen = []

    def cost(actions: Tensor) -> Tensor:
        seen.append((actions, distance(actions)))
        return seen[-1][1]

    plan = MPPI(temperature=0.7).plan(cost, 2, generator())
    actions, value = seen[0]
    weight = (-value / 0.7).exp() / (-value / 0.7).exp().sum()
    torch.testing.assert_close(plan.actions, torch.einsum("bn,bnha->bha", weight, actions))


def test_a_shifted_plan_is_one_step_later() -> None:
    torch.manual_seed(0)
    plan = Plan(torch.randn(2, 5, 3), torch.zeros(2), torch.randn(2, 4, 5, 3))
    later = plan.shift()
    for now, then in ((plan.actions, later.actions), (plan.elites, later.elites)):
        assert torch.equal(then[..., :-1, :], now[..., 1:, :])
        assert torch.equal(then[..., -1, :], now[..., -1, :])


def towards(angle: float) -> Any:
    """Cost of the squared distance on the circle to an angle in units of pi."""

    def cost(actions: Tensor) -> Tensor:
        return (2 - 2 * torch.cos(torch.pi * (actions - angle))).sum((2, 3))

    return cost


def test_a_direction_that_goes_round_is_found_across_the_end() -> None:
    """A Gaussian around 0.9 that stops at 1 would have no candidate at -0.95."""
    narrow = CEM(horizon=1, iterations=6, std=0.1, min_std=0.01, periodic=[0])
    start = Plan(torch.full((1, 1, 1), 0.9), torch.zeros(1))
    found = narrow.plan(towards(-0.95), 1, generator(), start).actions
    torch.testing.assert_close(found, torch.full((1, 1, 1), -0.95), atol=0.02, rtol=0)
    stuck = CEM(horizon=1, iterations=6, std=0.1, min_std=0.01).plan(towards(-0.95), 1, generator(), start).actions
    assert stuck.item() > 0.9


def test_the_mean_of_directions_at_both_ends_is_between_them() -> None:
    plan = CEM(horizon=1, iterations=1, elites=20, keep=0, std=1.0, periodic=[0]).plan(towards(1.0), 1, generator())
    assert (plan.elites.sign().sum(1).abs() < 20).all()  # some at either end
    assert plan.actions.abs().item() > 0.95


def test_exploring_finds_what_a_narrow_start_would_miss() -> None:
    def cost(actions: Tensor) -> Tensor:
        return torch.minimum(3 * (actions - 0.8).square(), 0.1 + actions.square()).sum((2, 3))  # a valley at 0 as well

    narrow = {"horizon": 1, "iterations": 4, "std": 0.1, "execute": "best"}
    assert CEM(**narrow).plan(cost, 1, generator()).actions.abs().item() < 0.1
    assert CEM(**narrow, explore=0.5).plan(cost, 1, generator()).actions.item() == pytest.approx(0.8, abs=0.05)
