"""Where an expert and an objective meet: the cost of acting on them."""

from __future__ import annotations

import torch
from torch import Tensor

from hyperdyn.types import CostFn, Expert, Objective


def trajectory_cost(expert: Expert, obs: Tensor, objective: Objective) -> CostFn:
    """Minus the summed reward of H predicted steps from obs [B,S].

    The objective is asked once for all steps, on [B,H,N,.], and not once per step.
    """
    B, S = obs.shape

    def cost(actions: Tensor) -> Tensor:
        N = actions.shape[1]
        s = obs[:, None].expand(B, N, S)
        state = expert.start(s)
        visited = [s]
        for action in actions.unbind(dim=2):
            step = expert.step(state, action)
            state = step.state
            visited.append(step.next_obs)
        path = torch.stack(visited, dim=1)  # [B,H+1,N,S]
        return -objective(path[:, :-1], actions.transpose(1, 2), path[:, 1:]).sum(dim=1)

    return cost
