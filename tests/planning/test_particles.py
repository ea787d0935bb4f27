"""A plan judged by sampled futures."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from hyperdyn.envs.termination import ending
from hyperdyn.errors import ConfigError
from hyperdyn.planning.cost import trajectory_cost
from hyperdyn.types import Expert, Step

SPREAD = 0.3


class Drifting(Expert):
    """s' ~ N(s + a, SPREAD^2)."""

    def __init__(self, spread: float | None = SPREAD) -> None:
        self.spread = spread

    def start(self, obs: Tensor) -> Tensor:
        return obs

    def step(self, state: Tensor, action: Tensor) -> Step:
        after = state + action
        return Step(after, after, None if self.spread is None else torch.full_like(after, self.spread))


def distance(obs: Tensor, action: Tensor, next_obs: Tensor) -> Tensor:
    return -next_obs.square().sum(-1)


def linear(obs: Tensor, action: Tensor, next_obs: Tensor) -> Tensor:
    return next_obs[..., 0] - 2 * obs[..., 1]


def test_expected_square_is_that_of_the_mean_and_of_a_variance_that_adds_up() -> None:
    torch.manual_seed(0)
    obs, actions = torch.randn(2, 3), torch.randn(2, 4, 5, 3)
    plain = trajectory_cost(Drifting(None), obs, distance)(actions)
    added = 3 * SPREAD**2 * sum(range(1, 6))  # three entries, t times the variance after t steps
    sampled = trajectory_cost(Drifting(), obs, distance, particles=20_000)(actions)
    torch.testing.assert_close(sampled, plain + added, rtol=0.01, atol=0.05)


def test_mirrored_noise_leaves_a_linear_reward_as_it_is() -> None:
    obs, actions = torch.randn(2, 3), torch.randn(2, 4, 5, 3)
    plain = trajectory_cost(Drifting(None), obs, linear)(actions)
    torch.testing.assert_close(trajectory_cost(Drifting(), obs, linear, particles=6)(actions), plain)


def test_risk_costs_the_std_of_the_return() -> None:
    obs, actions = torch.zeros(1, 1), torch.zeros(1, 1, 4, 1)
    cost = trajectory_cost(Drifting(), obs, lambda s, a, n: n[..., 0], risk=2.0, particles=20_000)(actions)
    # The return is sum_t (H - t) e_t.
    assert cost.item() == pytest.approx(2 * SPREAD * (16 + 9 + 4 + 1) ** 0.5, rel=0.02)


def test_a_candidate_costs_the_same_whoever_stands_beside_it_and_whenever_it_is_asked() -> None:
    torch.manual_seed(1)
    obs, actions = torch.randn(3, 2), torch.randn(3, 7, 4, 2)
    whole = trajectory_cost(Drifting(), obs, distance, particles=5)(actions)
    torch.testing.assert_close(trajectory_cost(Drifting(), obs, distance, particles=5)(actions), whole, rtol=0, atol=0)
    order = torch.randperm(7)
    part = trajectory_cost(Drifting(), obs[1:], distance, particles=5)(actions[1:, order])
    torch.testing.assert_close(part, whole[1:, order])


def test_room_for_error_is_worth_something_where_a_goal_ends_the_episode() -> None:
    """Both candidates arrive as expected; one of them at the goal's edge."""

    def arrived(obs: Tensor, action: Tensor, next_obs: Tensor) -> Tensor:
        return next_obs[..., 0].abs() <= 0.5

    paid = ending(lambda s, a, n: torch.where(arrived(s, a, n), 0.0, -1.0), arrived, dim=1)
    obs, actions = torch.tensor([[2.0]]), torch.tensor([-2.0, -1.55]).view(1, 2, 1, 1)
    assert trajectory_cost(Drifting(None), obs, paid)(actions).diff().item() == 0.0
    centre, edge = trajectory_cost(Drifting(), obs, paid, particles=2000)(actions)[0].tolist()
    assert centre == pytest.approx(0.096, abs=0.02)  # P(|e| > .5 / .3)
    assert edge == pytest.approx(0.434, abs=0.03)  # P(e > .05 / .3) and P(e < -.95 / .3)


def test_what_cannot_be_sampled_is_refused() -> None:
    with pytest.raises(ConfigError, match="gives no std"):
        trajectory_cost(Drifting(None), torch.zeros(1, 1), distance, particles=4)(torch.zeros(1, 2, 3, 1))
    with pytest.raises(ConfigError, match="particles"):
        trajectory_cost(Drifting(), torch.zeros(1, 1), distance, particles=-1)
