"""Training data seen from elsewhere: an object's own axes turned, a scene in a mirror."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from hyperdyn.errors import ConfigError, nearest
from hyperdyn.shards.blocks import Draw
from hyperdyn.types import Batch, Frame, StateSpec, Transitions
from hyperdyn.views import Views

Change = Callable[[Tensor], Tensor]
KINDS = ("turn", "mirror")


@dataclass(frozen=True)
class Augmentation:
    """Each system of a batch, its context and its query alike, as another object that obeys the same laws.

    turn: another direction of the object is called its front. Nothing in the world changes but its heading, so that a
        network, which sees the object's own frame, cannot hold on to a direction that means nothing.
    mirror: half of the systems are seen in a mirror along the world's x axis.

    Constant entries are left as they are: they are no input, but for an outline, which is turned and mirrored too, as
    are the views of the context.

    kinds: which of the two.

    Raises:
        ConfigError: an unknown kind, or a state without a frame.
    """

    kinds: tuple[str, ...]
    state: StateSpec

    def __post_init__(self) -> None:
        for kind in self.kinds:
            if kind not in KINDS:
                raise ConfigError("unknown data.augment", got=kind, fix=nearest(kind, KINDS))
        if self.kinds and self.state.frame is None:
            raise ConfigError(
                "data.augment turns and mirrors an object's own frame, and this family has none",
                got=list(self.kinds),
                fix="data.augment=[], or name the frame in the family's state",
            )

    def __call__(self, batch: Batch, draws: Sequence[Draw]) -> Batch:
        frame = self.state.frame
        if not self.kinds or frame is None:
            return batch
        if "turn" in self.kinds:
            batch = turned(batch, frame, torch.tensor([d.turn for d in draws]))
        if "mirror" in self.kinds:
            batch = mirrored(batch, frame, torch.tensor([d.mirror < 0.5 for d in draws]))
        return batch


def turned(batch: Batch, frame: Frame, turn: Tensor) -> Batch:
    """Another front for each object [B], further by a share of a circle in [0, 1); in steps if it has an outline."""
    n = len(frame.outline)
    steps = (turn * n).long()
    angle = 2 * math.pi * (steps / n if n else turn)
    outline = torch.tensor(frame.outline).long()

    def obs(values: Tensor) -> Tensor:
        values = values.clone()
        values[..., frame.heading] += _wide(angle, values[..., 0])
        if n:
            values[..., outline] = _chosen(values[..., outline], torch.arange(n) + steps[:, None])
        return values

    return _mapped(batch, obs, lambda action: action, lambda views: views.turned(angle))


def mirrored(batch: Batch, frame: Frame, which: Tensor) -> Batch:
    """The systems where `which` [B] seen in a mirror: y, the heading, directions and what else changes its sign."""
    n = len(frame.outline)
    outline = torch.tensor(frame.outline).long()
    sign = 1 - 2 * which.float()
    flipped = [*frame.directions, *frame.mirrored]

    def obs(values: Tensor) -> Tensor:
        values = values.clone()
        for entry in (frame.position[1], frame.heading):
            values[..., entry] *= _wide(sign, values[..., 0])
        if n:
            index = torch.arange(n) * torch.where(which, -1, 1)[:, None]
            values[..., outline] = _chosen(values[..., outline], index)
        return values

    def action(values: Tensor) -> Tensor:
        values = values.clone()
        values[..., flipped] *= _wide(sign, values[..., :1])
        return values

    factors = batch.factors.clone()
    factors[:, list(frame.mirrored_factors)] *= sign[:, None]
    return replace(_mapped(batch, obs, action, lambda views: views.mirrored(which)), factors=factors)


def _mapped(batch: Batch, obs: Change, action: Change, seen: Callable[[Views], Views]) -> Batch:
    def each(t: Transitions) -> Transitions:
        return Transitions(obs(t.obs), action(t.action), obs(t.next_obs))

    views = batch.context.views
    context = replace(batch.context, history=each(batch.context.history), views=None if views is None else seen(views))
    return replace(batch, context=context, query=each(batch.query))


def _wide(values: Tensor, like: Tensor) -> Tensor:
    """[B] as [B,1,...], to go with [B,...]."""
    return values.reshape(-1, *[1] * (like.dim() - 1)).to(like.dtype)


def _chosen(values: Tensor, index: Tensor) -> Tensor:
    """The entries index [B,n], modulo n, of the last dimension of [B,...,n]."""
    index = index % values.shape[-1]
    return values.gather(-1, index.reshape(len(index), *[1] * (values.dim() - 2), -1).expand_as(values))
