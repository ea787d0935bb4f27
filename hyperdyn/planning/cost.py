"""Where an expert and an objective meet: the cost of acting on them."""

from __future__ import annotations

import torch
from torch import Tensor

from hyperdyn.errors import ConfigError
from hyperdyn.types import CostFn, Expert, Objective


def trajectory_cost(expert: Expert, obs: Tensor, objective: Objective, risk: float = 0.0) -> CostFn:
    """Minus the summed reward of H predicted steps from obs [B,S], and `risk` times how uncertain each reward is.

        cost = sum_t (-r_t + risk * std(r_t)),   std(r_t)^2 = sum_s (dr_t / ds'_s * std_s)^2

    std(r) is that of the reward under the expert's std, to first order: in the reward's own units, whatever those of an
    observation, and blind to entries that no reward reads. It takes one gradient of the objective, and none of the
    expert. A positive risk avoids what the expert does not know, a negative one seeks it.

    The objective is asked once for all steps, on [B,H,N,.], and not once per step.

    Raises:
        ConfigError: when it is asked, a risk other than 0 and an expert that gives no std.
    """
    B, S = obs.shape

    def cost(actions: Tensor) -> Tensor:
        N = actions.shape[1]
        s = obs[:, None].expand(B, N, S)
        state = expert.start(s)
        visited, stds = [s], []
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

    return cost


def _linearised(objective: Objective, before: Tensor, actions: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """Reward [B,H,N] and its gradient [B,H,N,S] with respect to what follows an action."""
    with torch.enable_grad():
        after = after.detach().requires_grad_()
        reward = objective(before.detach(), actions.detach(), after)
        if not reward.requires_grad:
            return reward, torch.zeros_like(after)
        (gradient,) = torch.autograd.grad(reward.sum(), after)  # no row's reward reads another row
    return reward.detach(), gradient
