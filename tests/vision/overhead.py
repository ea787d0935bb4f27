"""A box on a table seen from straight above, and scenes that are moved as a whole."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from hyperdyn.nn.normalise import Normaliser
from hyperdyn.types import Context, Frame, StateSpec, Transitions
from hyperdyn.views import Views

PIXELS = 48
SPEC = StateSpec(obs_dim=5, action_dim=4, constant=(3, 4), drop=(3, 4), frame=Frame((0, 1), 2, (0,), (1,)))
"""x, y, yaw and two entries that nothing changes; direction, offset, distance and speed of a push."""


def views(*edges: tuple[float, float]) -> Views:
    """Boxes of these edges [m], each 40 mm high, in the middle of a picture of .3 m; (0, 0) shows no box."""
    B = len(edges)
    at = (torch.arange(PIXELS) + 0.5) / PIXELS * 0.3 - 0.15
    half = torch.tensor(edges)[:, :, None, None] / 2
    inside = (at.abs() < half[:, :1]) & (at.abs()[:, None] < half[:, 1:])  # [B,1,h,w], one camera
    depth = torch.where(inside, 0.96, 1.0)
    k = torch.tensor([[PIXELS / 0.3, 0, PIXELS / 2], [0, PIXELS / 0.3, PIXELS / 2], [0, 0, 1]])
    down = torch.tensor([[1.0, 0, 0, 0], [0, -1, 0, 0], [0, 0, -1, 1], [0, 0, 0, 1]])
    rgb = inside[:, :, None] * torch.tensor([0.2, 0.5, 0.8])[:, None, None]
    return Views(rgb.float(), depth, k.expand(B, 1, 3, 3), down.expand(B, 1, 4, 4), inside, torch.zeros(B, 3))


def pushes(*shape: int, seed: int = 0) -> Transitions:
    """Random pushes under one law, wherever the object is: it goes along and turns with the offset."""
    rng = torch.Generator().manual_seed(seed)
    obs = torch.randn(*shape, 5, generator=rng) * torch.tensor([0.1, 0.1, 1.0, 1.0, 1.0])
    action = 2 * torch.rand(*shape, 4, generator=rng) - 1
    angle, offset, far, _ = action.unbind(-1)
    own = math.pi * angle - obs[..., 2]
    distance = 0.06 + 0.04 * far + 0.02 * torch.cos(2 * own)
    change = torch.zeros_like(obs)
    change[..., 0], change[..., 1] = distance * torch.cos(math.pi * angle), distance * torch.sin(math.pi * angle)
    change[..., 2] = -0.8 * offset
    return Transitions(obs, action, obs + change)


def context(batch: int, k: int, seen: Views | None, seed: int = 1) -> Context:
    return Context(pushes(batch, k, seed=seed), torch.ones(batch, k, dtype=torch.bool), views=seen)


def fit(norm: Normaliser) -> None:
    norm.fit([pushes(500, seed=9)])


def moved(obs: Tensor, shift: tuple[float, float], turn: float) -> Tensor:
    """Observations of the scene turned about the origin, then shifted."""
    c, s = math.cos(turn), math.sin(turn)
    x, y, yaw, *rest = obs.unbind(-1)
    return torch.stack([c * x - s * y + shift[0], s * x + c * y + shift[1], yaw + turn, *rest], dim=-1)


def redirected(action: Tensor, turn: float) -> Tensor:
    angle = torch.remainder(action[..., :1] + turn / math.pi + 1, 2) - 1
    return torch.cat([angle, action[..., 1:]], dim=-1)


def moved_views(seen: Views, shift: tuple[float, float], turn: float) -> Views:
    """The cameras go along."""
    c, s = math.cos(turn), math.sin(turn)
    back = torch.tensor([[c, -s, 0, shift[0]], [s, c, 0, shift[1]], [0, 0, 1, 0], [0, 0, 0, 1]]).inverse()
    assert seen.pose is not None
    return replace(seen, extrinsics=seen.extrinsics @ back.to(seen.extrinsics), pose=moved(seen.pose, shift, turn))
