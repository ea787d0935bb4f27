"""Validation of planner options and of what a cost function returns."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from hyperdyn.errors import ConfigError, ShapeError
from hyperdyn.planning.base import SizedCost
from hyperdyn.types import CostFn, Plan


def at_least(low: float, **options: float) -> None:
    """Raise ConfigError for the first option below `low`."""
    for name, value in options.items():
        if not value >= low:
            raise ConfigError(f"planner option '{name}' is out of range", got=value, expected=f">= {low}")


def above(low: float, **options: float) -> None:
    """Raise ConfigError for the first option that is not greater than `low`."""
    for name, value in options.items():
        if not value > low:
            raise ConfigError(f"planner option '{name}' is out of range", got=value, expected=f"> {low}")


def at_most(high: float, what: str, **options: float) -> None:
    """Raise ConfigError for the first option that exceeds `high`, which is `what`."""
    for name, value in options.items():
        if not value <= high:
            raise ConfigError(f"planner option '{name}' is out of range", got=value, expected=f"<= {what} ({high})")


def fraction(**options: float) -> None:
    """Raise ConfigError for the first option outside [0, 1)."""
    for name, value in options.items():
        if not 0 <= value < 1:
            raise ConfigError(f"planner option '{name}' is out of range", got=value, expected="0 <= value < 1")


def share(**options: float) -> None:
    """Raise ConfigError for the first option outside [0, 1]."""
    for name, value in options.items():
        if not 0 <= value <= 1:
            raise ConfigError(f"planner option '{name}' is out of range", got=value, expected="0 <= value <= 1")


def choice(valid: Sequence[str], **options: str) -> None:
    """Raise ConfigError for the first option that is not among the valid ones."""
    for name, value in options.items():
        if value not in valid:
            raise ConfigError(f"unknown value of planner option '{name}'", got=value, expected=" or ".join(valid))


def asked(
    cost: CostFn, action_dim: int | None, generators: Sequence[torch.Generator] | None
) -> tuple[int, Sequence[torch.Generator]]:
    """Size of an action and a generator for each system, from the cost where they are not given; see `plan`."""
    sized = cost if isinstance(cost, SizedCost) else None
    if action_dim is None and sized is not None:
        action_dim = sized.action_dim
    if generators is None and sized is not None:
        generators = [torch.Generator(sized.device).manual_seed(0) for _ in range(sized.batch)]
    if action_dim is None or generators is None:
        raise ConfigError(
            "nobody says for how many systems to plan, or how large an action is",
            got=f"action_dim={action_dim}, generators={generators}",
            expected="both, or a cost that knows: hyperdyn.cost(expert, obs, objective)",
            fix="planner.plan(cost, action_dim=6, generators=[torch.Generator().manual_seed(0)])",
        )
    return action_dim, generators


def fits(warm: Plan | None, batch: int, horizon: int, action_dim: int) -> None:
    """Raise ShapeError if a plan cannot be the warm start of a decision of this shape."""
    if warm is not None and warm.actions.shape != (batch, horizon, action_dim):
        raise ShapeError(
            "the warm start does not fit this decision",
            got=f"actions {tuple(warm.actions.shape)}",
            expected=f"[B,H,A] = {(batch, horizon, action_dim)}",
            fix="pass warm=None after the batch, the horizon or the action size has changed",
        )


def finite_cost(cost: CostFn, candidates: Tensor) -> Tensor:
    """Cost [B,N] of candidates [B,H,N,A]; what is not finite (NaN, or a diverged model's -inf) becomes +inf."""
    B, _, N, _ = candidates.shape
    value = cost(candidates.transpose(1, 2))
    if value.shape != (B, N):
        raise ShapeError("a cost function returned a wrong shape", got=tuple(value.shape), expected=f"[B,N] = {(B, N)}")
    return value.nan_to_num(nan=torch.inf, posinf=torch.inf, neginf=torch.inf)
