"""What is asked of a pusher: the goal pose, and no obstacle touched. On arrays and on tensors."""

from __future__ import annotations

import math
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from hyperdyn.envs.pushing import scales
from hyperdyn.envs.pushing.pushes import line

T = TypeVar("T", Tensor, np.ndarray)

TOUCH = 10.0
"""Cost of a step after an obstacle was touched, and of one that will surely touch it: more than any distance costs."""

OBJECT_CLEAR = (0.06, 0.08)
"""[m] between the object's origin and an obstacle's axis: a touch up to the first, as of an object of the least width,
and none from the second on."""

TOOL_CLEAR = (scales.TOOL_RADIUS + scales.OBSTACLE_RADIUS, scales.TOOL_RADIUS + scales.OBSTACLE_RADIUS + 0.01)
"""[m] between the tool's axis and an obstacle's: a touch up to the first, a margin up to the second."""


def objective(obs: T, action: T, next_obs: T) -> T:
    """Reward [...] of one push: obs [...,S], action [...,4], next_obs [...,S].

    r = -log(1 + d^2) / 2 - TOUCH max(touched, near),   d^2 = (position error / 12 mm)^2 + (yaw error / 8 deg)^2

    so that near the goal it is the square of the error, and far from it still falls by a like amount for each share of
    the way. near in [0, 1] rises as the way of the object's origin, or that of the tool, comes close to an obstacle: a
    learned model carries `touched` along and cannot foresee it.
    """
    if isinstance(obs, np.ndarray):
        return objective(_tensor(obs), _tensor(action), _tensor(next_obs)).numpy()
    position, turn = errors(next_obs)
    squares = (position / scales.TOLERANCE).square() + (turn / scales.TURN_TOLERANCE).square()
    touched = torch.maximum(next_obs[..., scales.TOUCHED].clamp(0.0, 1.0), nearness(obs, action, next_obs))
    return -0.5 * torch.log1p(squares) - TOUCH * touched


def success(obs: T) -> Any:
    """Whether the goal is reached [...] in observations [...,S]: within 12 mm and 8 degrees, no obstacle touched."""
    if isinstance(obs, np.ndarray):
        return success(_tensor(obs)).numpy()
    position, turn = errors(obs)
    near = (position <= scales.TOLERANCE) & (turn <= scales.TURN_TOLERANCE)
    return near & (obs[..., scales.TOUCHED] < 0.5)


def arrived(obs: T, action: T, next_obs: T) -> Any:
    """Whether a push ends the episode [...]: the goal is reached. No push is so gentle that one could wait there."""
    return success(next_obs)


def errors(obs: Tensor) -> tuple[Tensor, Tensor]:
    """Distance [m] and absolute turn [rad] to the goal, [...] each, of obs [...,S]."""
    goal = obs[..., scales.GOAL]
    position = _norm(obs[..., scales.POSITION] - goal[..., :2])
    turn = torch.remainder(obs[..., scales.YAW] - goal[..., 2] + math.pi, 2 * math.pi) - math.pi
    return position, turn.abs()


def nearness(obs: Tensor, action: Tensor, next_obs: Tensor) -> Tensor:
    """How surely [...] a push meets an obstacle, from 0 to 1."""
    x, y = obs[..., 0], obs[..., 1]
    start, end = (torch.stack(point, dim=-1) for point in line(x, y, action.clamp(-1.0, 1.0), torch))
    first = scales.FIRST_OBSTACLE
    obstacles = obs[..., first : first + 2 * scales.OBSTACLES].unflatten(-1, (scales.OBSTACLES, 2))  # [..., 3, 2]
    object_gap = _to_segment(obstacles, obs[..., scales.POSITION], next_obs[..., scales.POSITION])
    tool_gap = _to_segment(obstacles, start, end)
    both = torch.maximum(_closeness(object_gap, OBJECT_CLEAR), _closeness(tool_gap, TOOL_CLEAR))
    return both.amax(-1)


def _closeness(gap: Tensor, clear: tuple[float, float]) -> Tensor:
    return ((clear[1] - gap) / (clear[1] - clear[0])).clamp(0.0, 1.0)


def _to_segment(points: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """Distance [...,n] of points [...,n,2] to the segment between two points [...,2]."""
    along = (end - start).unsqueeze(-2)
    gap = points - start.unsqueeze(-2)
    share = ((gap * along).sum(-1) / along.square().sum(-1).clamp_min(1e-12)).clamp(0.0, 1.0)
    return _norm(gap - share.unsqueeze(-1) * along)


def _norm(vector: Tensor) -> Tensor:
    # The root of exactly zero has no slope.
    return (vector.square().sum(-1) + 1e-18).sqrt()


def _tensor(array: Any) -> Tensor:
    return torch.as_tensor(np.asarray(array, dtype=np.float64))
