"""The cost of a plan is minus the sum of its rewards."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from hyperdyn.errors import ConfigError, ShapeError
from hyperdyn.planning.cem import CEM
from hyperdyn.planning.cost import trajectory_cost
from hyperdyn.types import Context, Expert, Step


class Integrator(Expert):
    """x' = x + gain a, one gain per system."""

    def __init__(self, gain: Tensor) -> None:
        self.gain = gain[:, None, None]

    def start(self, obs: Tensor) -> Tensor:
        return obs

    def step(self, state: Tensor, action: Tensor) -> Step:
        state = state + self.gain * action
        return Step(state, state)


@pytest.mark.parametrize(("H", "a"), [(1, 1.0), (7, -0.5), (16, 0.25)])
def test_summed_position_under_constant_push_in_closed_form(H: int, a: float) -> None:
    cost = trajectory_cost(Integrator(torch.tensor([1.0, 2.0])), torch.zeros(2, 1), lambda s, u, n: n[..., 0])
    value = cost(torch.full((2, 3, H, 1), a))
    torch.testing.assert_close(value, -torch.tensor([[1.0], [2.0]]).expand(2, 3) * a * H * (H + 1) / 2)


def test_each_reward_sees_its_own_step() -> None:
    torch.manual_seed(0)
    expert, obs, actions = Integrator(torch.rand(2)), torch.randn(2, 3), torch.randn(2, 4, 5, 3)

    def reward(s: Tensor, a: Tensor, n: Tensor) -> Tensor:
        return (s * a).sum(-1) + n[..., 0] * s[..., 1] ** 2

    total, state = torch.zeros(2, 4), obs[:, None].expand(2, 4, 3)
    for a in actions.unbind(2):
        total, state = total + reward(state, a, expert.step(state, a).next_obs), expert.step(state, a).next_obs
    torch.testing.assert_close(trajectory_cost(expert, obs, reward)(actions), -total)


class Unsure(Expert):
    """x' = x + a, with a standard deviation that only pushing forwards raises."""

    def start(self, obs: Tensor) -> Tensor:
        return obs

    def step(self, state: Tensor, action: Tensor) -> Step:
        after = state + action
        return Step(after, after, 3 * action.clamp(min=0) + 0.1)


def test_without_risk_no_bit_of_the_cost_depends_on_the_std() -> None:
    torch.manual_seed(0)
    obs, actions = torch.randn(2, 3), torch.randn(2, 4, 5, 3)

    def reward(s: Tensor, a: Tensor, n: Tensor) -> Tensor:
        return (s * a).sum(-1) + n[..., 0].sin()

    plain = trajectory_cost(Integrator(torch.ones(2)), obs, reward)(actions)
    assert torch.equal(trajectory_cost(Unsure(), obs, reward)(actions), plain)
    assert torch.equal(trajectory_cost(Unsure(), obs, reward, risk=0.0)(actions), plain)


@pytest.mark.parametrize("risk", [0.5, -2.0])
def test_risk_costs_the_std_of_a_linear_reward_in_closed_form(risk: float) -> None:
    torch.manual_seed(1)
    obs, actions = torch.randn(2, 3), torch.rand(2, 4, 5, 3) * 2 - 1

    def reward(s: Tensor, a: Tensor, n: Tensor) -> Tensor:
        return 2 * n[..., 0] - 0.5 * n[..., 2] + (s * a).sum(-1)

    std = 3 * actions.clamp(min=0) + 0.1
    spread = (4 * std[..., 0] ** 2 + 0.25 * std[..., 2] ** 2).sqrt().sum(2)
    with torch.no_grad():  # as planners ask
        plain, risky = (trajectory_cost(Unsure(), obs, reward, risk=r)(actions) for r in (0.0, risk))
    torch.testing.assert_close(risky, plain + risk * spread)


def test_where_a_reward_has_no_slope_nothing_is_at_risk() -> None:
    """Not at a distance of zero, nor in a branch that is not taken."""
    obs, actions = torch.zeros(1, 2), torch.zeros(1, 1, 3, 2)
    for reward in (
        lambda s, a, n: -n.square().sum(-1).sqrt(),
        lambda s, a, n: torch.where(n[..., 0] > 2, (n[..., 0] - 2).sqrt(), 1.0),
    ):
        plain, risky = (trajectory_cost(Unsure(), obs, reward, risk=r)(actions) for r in (0.0, 5.0))
        torch.testing.assert_close(risky, plain)


def test_an_entry_that_no_reward_reads_is_no_risk() -> None:
    obs, actions = torch.zeros(1, 2), torch.rand(1, 3, 4, 2)
    plain, risky = (
        trajectory_cost(Unsure(), obs, lambda s, a, n: -a.square().sum(-1), risk=r)(actions) for r in (0.0, 5.0)
    )
    torch.testing.assert_close(risky, plain)


def test_a_plan_moves_away_from_where_the_std_grows() -> None:
    planner = CEM(horizon=4, candidates=64, iterations=4, elites=8)

    def planned(risk: float) -> Tensor:
        cost = trajectory_cost(Unsure(), torch.zeros(1, 1), lambda s, a, n: a[..., 0] + n[..., 0] * 0.01, risk=risk)
        return planner.plan(cost, 1, [torch.Generator().manual_seed(0)], None).actions

    assert (planned(0.0) > 0.5).all()
    assert planned(100.0).max() < 0.25


def test_a_risk_that_nobody_can_tell_is_refused() -> None:
    cost = trajectory_cost(Integrator(torch.ones(2)), torch.zeros(2, 1), lambda s, a, n: n[..., 0], risk=1.0)
    with pytest.raises(ConfigError, match="hyper_probabilistic"):
        cost(torch.zeros(2, 3, 4, 1))


def test_one_observation_is_one_system() -> None:
    expert = Integrator(torch.ones(1))
    one, batch = (trajectory_cost(expert, obs, lambda s, u, n: n[..., 0]) for obs in (torch.ones(2), torch.ones(1, 2)))
    actions = torch.rand(1, 3, 4, 2)
    assert one.batch == batch.batch == 1
    assert torch.equal(one(actions), batch(actions))
    with pytest.raises(ShapeError, match="one observation a system"):
        trajectory_cost(expert, torch.ones(1, 3, 2), lambda s, u, n: n[..., 0])


def test_a_context_is_made_of_arrays_of_one_system_or_of_several() -> None:
    obs, action = np.random.default_rng(0).normal(size=(2, 5, 3)), np.zeros((2, 5, 1))
    several, one = Context.of(obs, action, obs + 1), Context.of(obs[1], action[1], obs[1] + 1)
    assert several.mask.all()
    assert several.mask.shape == (2, 5)
    assert torch.equal(one.history.next_obs, several.history.next_obs[1:])
    torch.testing.assert_close(one.history.next_obs - one.history.obs, torch.ones(1, 5, 3))
    for wrong in ((obs, action[:1], obs), (obs, action, obs[:, :4]), (obs[0, 0], action[0, 0], obs[0, 0])):
        with pytest.raises(ShapeError, match="no transitions"):
            Context.of(*wrong)
