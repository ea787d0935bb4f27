"""What an observation says of a body in the plane, in that body's own frame."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from hyperdyn.errors import ConfigError
from hyperdyn.nn.encoders.base import clean, sort_rows
from hyperdyn.nn.normalise import Normaliser
from hyperdyn.types import Context, StateSpec


class Planar:
    """Pose changes [...,3] (m, m, rad) in the frame of the object before them, from observations and back.

    Raises:
        ConfigError: something else than the pose of one object changes: a motion of pixels does not predict that.
    """

    def __init__(self, norm: Normaliser) -> None:
        self.norm = norm
        spec = norm.spec
        pose = pose_entries(spec)
        self._column = [spec.changing.index(i) for i in pose]  # of a change [...,Y], where x, y and heading are
        self._entry = [pose.index(i) for i in spec.changing]  # the way back

    def change(self, obs: Tensor, next_obs: Tensor) -> Tensor:
        """obs, next_obs [...,S] to [...,3]."""
        norm = self.norm
        return (norm.changes(obs, next_obs) * norm.change_std + norm.change_mean)[..., self._column]

    def advance(self, obs: Tensor, change: Tensor) -> Tensor:
        """obs [...,S] and a pose change [...,3] to next_obs [...,S]."""
        norm = self.norm
        return norm.advance(obs, (change[..., self._entry] - norm.change_mean) / norm.change_std)

    @property
    def unit(self) -> Tensor:
        """Standard deviation [] of a position's change [m], the same along both axes."""
        return self.norm.change_std[self._column[0]]

    def directions(self, obs: Tensor, action: Tensor) -> Tensor:
        """Cosine and sine [...,D,2] of each direction of an action [...,A], from the object's heading on."""
        frame = self.norm.spec.frame
        assert frame is not None
        angle = math.pi * action[..., list(frame.directions)] - obs[..., frame.heading, None]
        return torch.stack([angle.cos(), angle.sin()], dim=-1)


def pose_entries(spec: StateSpec) -> tuple[int, int, int]:
    """Entries x, y and heading of an observation of which nothing else changes."""
    if spec.frame is not None:
        x, y, heading = *spec.frame.position, spec.frame.heading
        if set(spec.changing) == {x, y, heading}:
            return x, y, heading
    raise ConfigError(
        "a method that sees how an object's pixels move predicts a pose, and nothing else",
        got=f"an observation whose entries {spec.changing} change, frame {spec.frame}",
        expected="a frame whose position and heading are all that changes",
        fix="env=pushing, or a method that predicts from the state, such as model=hyper",
    )


def mean_where(each: Tensor, mask: Tensor) -> Tensor:
    """Mean [B] of the values [B,k] where mask [B,k] is True, zero where none is."""
    return torch.where(mask, each, 0.0).sum(1) / mask.sum(1).clamp(min=1)


def newest(context: Context, rows: int | None = None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """obs, action, next_obs [B,k,.] and mask [B,k] of the newest transitions, k = `rows` or all.

    Masked rows hold zeros and come first; where there are no transitions at all, there is one masked row.
    """
    h = context.history
    S, A = h.obs.shape[-1], h.action.shape[-1]
    both, next_obs, mask = clean(torch.cat([h.obs, h.action], dim=-1), h.next_obs, context.mask)
    columns = torch.cat([both, next_obs, mask.unsqueeze(-1).to(both)], dim=-1)
    obs, action, next_obs, valid = sort_rows(columns, mask)[:, -rows if rows else 0 :].split([S, A, S, 1], dim=-1)
    return obs, action, next_obs, valid[..., 0] > 0
