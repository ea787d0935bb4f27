"""The best candidates of a decision, and the Gaussian that they suggest.

Candidates are held with time first, [B,H,N,A], so that one step of all of them is contiguous.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from hyperdyn.types import Plan


def best(candidates: Tensor, cost: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The `count` best of candidates [B,H,N,A] by cost [B,N], best first: [B,H,M,A] and their cost [B,M]."""
    _, H, _, A = candidates.shape
    cost, index = cost.topk(count, dim=1, largest=False)
    return candidates.gather(2, index[:, None, :, None].expand(-1, H, -1, A)), cost


def weighted_mean(values: Tensor, weight: Tensor) -> Tensor:
    """Mean [B,H,1,A] over candidates [B,H,M,A] with weights [B,M] that sum to one."""
    return (values * weight[:, None, :, None]).sum(2, keepdim=True)


def refit(elites: Tensor, cost: Tensor, mean: Tensor, std: Tensor, momentum: float) -> tuple[Tensor, Tensor]:
    """Mean and std [B,H,1,A] moved to those of elites [B,H,M,A] whose cost [B,M] is finite; unmoved if none is."""
    valid = cost < torch.inf
    count = valid.sum(1, keepdim=True)
    weight = valid / count.clamp(min=1)
    new_mean = weighted_mean(elites, weight)
    new_std = weighted_mean((elites - new_mean).square(), weight).sqrt()
    step = torch.where(count > 0, 1 - momentum, 0.0)[:, :, None, None]  # [B,1,1,1]
    return torch.lerp(mean, new_mean, step), torch.lerp(std, new_std, step)


def into_box(actions: Tensor, periodic: Sequence[int]) -> Tensor:
    """Actions [...,A] in the box [-1, 1]^A: clamped, and those that go round brought back by whole turns."""
    inside = actions.clamp(-1, 1)
    for entry in periodic:
        inside[..., entry] = _round(actions[..., entry])
    return inside


def unwrapped(actions: Tensor, reference: Tensor, periodic: Sequence[int]) -> Tensor:
    """Actions [...,A] whose entries that go round lie less than half a turn from those of a reference [...,A]."""
    if not periodic:
        return actions
    near = actions.clone()
    for entry in periodic:
        near[..., entry] = reference[..., entry] + _round(actions[..., entry] - reference[..., entry])
    return near


def _round(angle: Tensor) -> Tensor:
    return torch.remainder(angle + 1, 2) - 1


def inject(candidates: Tensor, elites: Tensor, keep: int) -> None:
    """Overwrite the first candidates [B,H,N,A] with up to `keep` of the elites [B,H,M,A]."""
    keep = min(keep, elites.shape[2])
    candidates[:, :, :keep] = elites[:, :, :keep]


def start(warm: Plan | None, batch: int, horizon: int, action_dim: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Mean [B,H,1,A] and elites [B,H,M,A] to start from: those of the warm plan, else zero and none."""
    if warm is None:
        mean = torch.zeros(batch, horizon, 1, action_dim, device=device)
        return mean, mean[:, :, :0]
    mean = warm.actions.clamp(-1, 1)[:, :, None]
    elites = warm.elites if warm.elites.numel() else mean.new_empty(batch, 0, horizon, action_dim)
    return mean, elites.clamp(-1, 1).transpose(1, 2)


def decide(execute: str, mean: Tensor, elites: Tensor, cost: Tensor) -> Plan:
    """The plan after the last iteration. Where no candidate had a finite cost, it is the mean, and its cost is +inf."""
    actions = mean[:, :, 0]
    if execute == "best":
        actions = torch.where(cost[:, :1, None] < torch.inf, elites[:, :, 0], actions)
    return Plan(actions, cost[:, 0], elites.transpose(1, 2))
