"""Where an expert and an objective meet: the cost of acting on them."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from hyperdyn.errors import ConfigError, ShapeError
from hyperdyn.planning import checks
from hyperdyn.planning.particles import sampled_cost
from hyperdyn.types import Expert, Objective


def trajectory_cost(
    expert: Expert, obs: Tensor, objective: Objective, risk: float = 0.0, particles: int = 0
) -> TrajectoryCost:
    """The cost of acting from obs [B,S], or from [S] of one system, that a planner minimises; see `TrajectoryCost`.

    >>> import torch, hyperdyn
    >>> family = hyperdyn.family("pendulum")
    >>> expert = hyperdyn.load("runs/pendulum-hyper").adapt(hyperdyn.Context.empty(1, family.state))
    >>> cost = hyperdyn.cost(expert, torch.tensor([1.0, 0.0, 0.0]), family.objective)
    >>> cost(torch.zeros(1, 5, 8, 1)).shape  # five candidates of eight steps
    torch.Size([1, 5])
    >>> cost.action_dim
    1
    """
    return TrajectoryCost(expert, obs, objective, risk, particles)


@final
class TrajectoryCost:
    """Minus the summed reward of H predicted steps from obs [B,S], and `risk` times how uncertain each reward is.

        cost = sum_t (-r_t + risk * std(r_t)),   std(r_t)^2 = sum_s (dr_t / ds'_s * std_s)^2

    std(r) is that of the reward under the expert's std, to first order: in the reward's own units, whatever those of an
    observation, and blind to entries that no reward reads. It takes one gradient of the objective, and none of the
    expert. A positive risk avoids what the expert does not know, a negative one seeks it.

    With `particles` the cost is over that many sampled futures instead; see `sampled_cost`.

    The objective is asked once for all steps, on [B,H,N,.], and not once per step.

    batch, action_dim, device: B, A (None if the expert does not know it) and where obs is; a planner asks for them.

    Raises:
        ShapeError: obs is neither [B,S] nor [S].
        ConfigError: fewer particles than none; when it is asked, a risk or particles and an expert that gives no std.
    """

    def __init__(
        self, expert: Expert, obs: Tensor, objective: Objective, risk: float = 0.0, particles: int = 0
    ) -> None:
        if obs.ndim not in (1, 2):
            raise ShapeError("a plan starts from one observation a system", got=tuple(obs.shape), expected="[B,S], [S]")
        checks.at_least(0, particles=particles)
        self.expert = expert
        self.obs = obs if obs.ndim == 2 else obs[None]
        self.objective = objective
        self.risk = risk
        self.particles = particles
        self.batch = len(self.obs)
        self.action_dim = expert.action_dim
        self.device = obs.device

    def __call__(self, actions: Tensor) -> Tensor:
        """Candidate actions [B,N,H,A] to their cost [B,N]."""
        B, N, _, _ = actions.shape
        obs = self.obs[:, None].expand(B, N, -1)
        if self.particles:
            return sampled_cost(self.expert, obs, actions, self.objective, self.particles, self.risk)
        return rows_cost(self.expert, obs, actions, self.objective, self.risk)


def rows_cost(expert: Expert, obs: Tensor, actions: Tensor, objective: Objective, risk: float = 0.0) -> Tensor:
    """The cost [B,N] of actions [B,N,H,A] where every row starts from an observation of its own, obs [B,N,S]."""
    state = expert.start(obs)
    visited, stds = [obs], []
    for action in actions.unbind(dim=2):
        step = expert.step(state, action)
        state = step.state
        visited.append(step.next_obs)
        stds.append(step.std)
    path = torch.stack(visited, dim=1)  # [B,H+1,N,S]
    before, after, actions = path[:, :-1], path[:, 1:], actions.transpose(1, 2)
    if not risk:
        return -objective(before, actions, after).sum(dim=1)
    known = [std for std in stds if std is not None]
    if not known:
        fix = "risk=0, or a method that gives standard deviations, such as hyper_probabilistic"
        raise ConfigError("nothing is known of the risk: this method gives no std", got=f"risk={risk}", fix=fix)
    reward, gradient = _linearised(objective, before, actions, after)
    spread = (gradient * torch.stack(known, dim=1)).square().sum(-1).sqrt()  # [B,H,N]
    return (risk * spread - reward).sum(dim=1)


def _linearised(objective: Objective, before: Tensor, actions: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """Reward [B,H,N] and its gradient [B,H,N,S] with respect to what follows an action.

    Where a finite reward has none, such as a distance of zero, or a branch not taken that is no number, it is zero.
    """
    with torch.enable_grad():
        after = after.detach().requires_grad_()
        reward = objective(before.detach(), actions.detach(), after)
        if not reward.requires_grad:
            return reward, torch.zeros_like(after)
        (gradient,) = torch.autograd.grad(reward.sum(), after)  # no row's reward reads another row
    none = gradient.isnan() & reward.detach().isfinite().unsqueeze(-1)
    return reward.detach(), torch.where(none, 0.0, gradient)
