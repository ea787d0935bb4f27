"""The cost of a plan is minus the sum of its rewards."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from hyperdyn.planning.cost import trajectory_cost
from hyperdyn.types import Expert, Step


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
