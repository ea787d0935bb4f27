"""Laws of several experts behind one. Member m of system b multiplies the state by gain[b,m], which tells it apart."""

import pytest
import torch
from torch import Tensor

from hyperdyn.models.base import rollout_with_std
from hyperdyn.models.ensemble import EnsembleExpert, per_member
from hyperdyn.types import Expert, Step

B, M, T, S = 2, 3, 4, 2


class Multiply(Expert):
    """s' = gain s + a,  std = noise, for B*M systems."""

    def __init__(self, gain: Tensor, noise: Tensor | None) -> None:
        self.gain, self.noise = gain.reshape(-1, 1, 1), noise

    def start(self, obs: Tensor) -> Tensor:
        return obs

    def step(self, state: Tensor, action: Tensor) -> Step:
        after = self.gain * state + action
        return Step(after, after, None if self.noise is None else self.noise.reshape(-1, 1, 1).expand_as(after))


def gains() -> Tensor:
    return torch.tensor([[0.5, 1.0, 2.0], [3.0, 5.0, 7.0]], dtype=torch.float64)


def noises() -> Tensor:
    return torch.tensor([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]], dtype=torch.float64)


def rows(n: int) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(n)
    obs, action = (torch.randn(B, n, *shape, S, generator=rng, dtype=torch.float64) for shape in ((), (T,)))
    return obs, action


def alone(gain: Tensor, obs: Tensor, action: Tensor) -> Tensor:
    """One row's states [T,S] under one gain."""
    states = []
    for a in action:
        obs = gain * obs + a
        states.append(obs)
    return torch.stack(states)


@pytest.mark.parametrize("n", [1, 3, 4, 7])
def test_in_training_row_i_is_predicted_by_member_i_mod_m(n: int) -> None:
    obs, action = rows(n)
    mean, std = rollout_with_std(EnsembleExpert(Multiply(gains(), noises()), M, split=True), obs, action)
    assert std is not None
    for b in range(B):
        for i in range(n):
            torch.testing.assert_close(mean[b, i], alone(gains()[b, i % M], obs[b, i], action[b, i]))
            torch.testing.assert_close(std[b, i], noises()[b, i % M].expand(T, S))


@pytest.mark.parametrize("noisy", [True, False])
def test_otherwise_mean_and_std_are_those_of_the_mixture_of_rollouts(noisy: bool) -> None:
    n = 4
    obs, action = rows(n)
    expert = EnsembleExpert(Multiply(gains(), noises() if noisy else None), M, split=False)
    mean, std = rollout_with_std(expert, obs, action)
    assert std is not None
    for b in range(B):
        for i in range(n):
            each = torch.stack([alone(g, obs[b, i], action[b, i]) for g in gains()[b]])  # [M,T,S]
            torch.testing.assert_close(mean[b, i], each.mean(0))
            noise = noises()[b].square().mean() if noisy else 0.0
            torch.testing.assert_close(std[b, i].square(), noise + each.square().mean(0) - each.mean(0).square())


def test_in_training_the_loss_of_a_row_moves_its_member_alone() -> None:
    gain = gains().requires_grad_()
    obs, action = rows(5)
    mean, _ = rollout_with_std(EnsembleExpert(Multiply(gain, None), M, split=True), obs, action)
    (moved,) = torch.autograd.grad(mean[1, 4].sum(), gain)
    assert moved.nonzero().tolist() == [[1, 4 % M]]


def test_members_without_a_std_hold_nothing_for_noise_in_training() -> None:
    assert rollout_with_std(EnsembleExpert(Multiply(gains(), None), M, split=True), *rows(3))[1] is None


def test_what_members_share_lies_beside_each_other() -> None:
    assert per_member(torch.tensor([[1], [2]]), 3).flatten().tolist() == [1, 1, 1, 2, 2, 2]
