"""Judging a plan by several sampled futures, where an expert says how far its prediction may be off."""

from __future__ import annotations

import torch
from torch import Tensor

from hyperdyn.errors import ConfigError
from hyperdyn.types import Expert, Objective


def sampled_cost(
    expert: Expert, obs: Tensor, actions: Tensor, objective: Objective, particles: int, risk: float = 0.0
) -> Tensor:
    """The cost [B,N] of actions [B,N,H,A] over P sampled futures of each row, which start from obs [B,N,S].

        s'_p = mean + std e_p,   e_p ~ N(0, 1);     R_p = sum_t r_t,     cost = -mean_p R_p + risk * std_p R_p

    a trajectory sampling as of PETS (Chua et al., NeurIPS 2018, section 5), with every std that an expert gives. What
    pays once for all, such as a goal that ends an episode, pays in the futures that reach it: a plan that would arrive
    only if all went as expected is worth less than one with room for error.

    The expert is started anew from every sampled observation, so what else its state remembers is not carried along; of
    the experts that give a std here none remembers more, and an ensemble's std is that of the mixture at each step.

    Every row meets the same noise, half of it the other half's mirror image, and so does every call: candidates differ
    by their actions alone, and the cost is a function of them.

    Raises:
        ConfigError: an expert that gives no std.
    """
    (B, N, H, _), P, S = actions.shape, particles, obs.shape[-1]
    noise = _noise(H, P, S).to(obs)
    actions = actions.repeat_interleave(P, dim=1)  # [B,N*P,H,A]
    visited = [obs.repeat_interleave(P, dim=1)]
    for action, e in zip(actions.unbind(dim=2), noise, strict=True):
        step = expert.step(expert.start(visited[-1]), action)
        if step.std is None:
            fix = "particles=0, or a method that gives standard deviations, such as hyper_probabilistic"
            raise ConfigError("nothing to sample: this method gives no std", got=f"particles={P}", fix=fix)
        visited.append(step.next_obs + step.std * e.repeat(N, 1))
    path = torch.stack(visited, dim=1)  # [B,H+1,N*P,S]
    rewards = objective(path[:, :-1], actions.transpose(1, 2), path[:, 1:])  # [B,H,N*P]
    returns = rewards.sum(dim=1).view(B, N, P)
    cost = -returns.mean(dim=2)
    return cost + risk * returns.std(dim=2, correction=0) if risk else cost


def _noise(horizon: int, particles: int, size: int) -> Tensor:
    """[H,P,S], the second half of the particles the mirror image of the first."""
    generator = torch.Generator().manual_seed(0)
    half = torch.randn(horizon, (particles + 1) // 2, size, generator=generator)
    return torch.cat([half, -half], dim=1)[:, :particles]
