"""Episodes that end early."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from hyperdyn.types import Objective

Termination = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Whether a step ends the episode: obs [...,S], action [...,A], next_obs [...,S] to bool [...]."""


def alive(over: Tensor, dim: int = -1) -> Tensor:
    """Of steps that end an episode or do not, bool, those up to and with the first that does."""
    before = over.long().cumsum(dim) - over.long()
    return before == 0


def ending(objective: Objective, termination: Termination | None, dim: int) -> Objective:
    """An objective that pays nothing after the step that ends an episode; asked for whole episodes, time in `dim`."""
    if termination is None:
        return objective

    def paid(obs: Tensor, action: Tensor, next_obs: Tensor) -> Tensor:
        reward = objective(obs, action, next_obs)
        return torch.where(alive(termination(obs, action, next_obs), dim), reward, 0.0)

    return paid


def lengths(termination: Termination | None, obs: Any, action: Any) -> Tensor:
    """Steps [...] of episodes, with the one that ends them; all L where none does.

    obs [...,L+1,S], action [...,L,A].
    """
    obs, action = torch.as_tensor(obs), torch.as_tensor(action)
    L = action.shape[-2]
    if termination is None:
        return torch.full(action.shape[:-2], L, dtype=torch.int64)
    return alive(termination(obs[..., :-1, :], action, obs[..., 1:, :])).sum(-1)
