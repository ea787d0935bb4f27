"""Visual foresight: the next picture is this one with its pixels moved, and the object is where its pixels went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn

from hyperdyn.errors import at_least
from hyperdyn.models.pixel_motion import AbstractPixelMotion
from hyperdyn.nn.vision.flow import flow_error
from hyperdyn.nn.vision.planar import mean_where, newest
from hyperdyn.nn.vision.rigid import rigid_fit, rigid_motion, sample, seen_after
from hyperdyn.nn.vision.topdown import CHANNELS, TopDown
from hyperdyn.types import Context, Expert, StateSpec, Step


@dataclass(frozen=True)
class Motion:
    """How the pixels of pictures are predicted to move, in the object's frame before an action.

    moving: share of a pixel that moves; the rest of it stays where it is in the world.
    change: the pose change that the object's pixels tell.
    """

    flow: Tensor  # [B,N,2,n,n] [m]
    moving: Tensor  # [B,N,1,n,n] in [0, 1]
    change: Tensor  # [B,N,3] m, m, rad


@final
class Foresight(AbstractPixelMotion):
    """(flow, moving) = f(picture, action),   s' = s (+) fit(moving * flow on the object's pixels)

    After Finn and Levine, Deep visual foresight for planning robot motion, ICRA 2017 (arXiv 1610.00696), and Ebert et
    al., 2018 (arXiv 1812.00568): action-conditioned prediction that moves pixels instead of painting them, with a mask
    that composes moved and unmoved ones, rolled out on its own pictures, and planned by where the object's pixels go.
    Theirs are camera frames of an arm at work; here a picture is seen from above in the object's own frame
    (`TopDown`), made once of the context's views, and each further one is predicted from the one before.

    It remembers no interaction: the history teaches it in training and changes no prediction. In training each expert
    asks for aux_loss, of the newest `flow_rows` transitions of the context,

        flow_weight * |moving * flow - true|^2 / sigma^2 on the object's pixels and beside them,  halves
        + image_weight * |predicted picture - true picture|^2

    The object is rigid, so its true change of pose says how each of its pixels moved, and seen from its new pose its
    picture is what it was; what is no object stays. sigma: of a change of position.

    cells, size, table, radius, workspace: of the pictures, see `TopDown`.
    channels, hidden: of the network, see `FlowSize`.
    """

    def __init__(
        self,
        spec: StateSpec,
        cells: int = 32,
        size: float = 0.2,
        table: float = 0.0,
        radius: float = 0.05,
        channels: Sequence[int] = (32, 48),
        hidden: int = 128,
        flow_rows: int = 4,
        flow_weight: float = 0.5,
        image_weight: float = 0.1,
        workspace: Sequence[float] = (-0.5, 0.5, -0.5, 0.5),
    ) -> None:
        lens = TopDown(cells, size, table, radius, tuple(workspace))
        super().__init__(spec, lens, channels, hidden)
        at_least(1, self, flow_rows=flow_rows)
        self.encounter = self.meeting()
        self.head = self.flow_head(outputs=3)
        self.edge = nn.Conv2d(CHANNELS, 1, 3, padding=1)  # what moves is told apart pixel by pixel
        self.flow_rows = flow_rows
        self.flow_weight = flow_weight
        self.image_weight = image_weight

    def adapt(self, context: Context) -> Expert:
        picture = self.lens.look(context.views, len(context.mask), self.edge.weight)
        return ForesightExpert(self, picture, self._aux_loss(context, picture) if self.training else None)

    def move(self, picture: Tensor, obs: Tensor, action: Tensor) -> Motion:
        """Of pictures [B,1 or N,5,n,n] under actions [B,N,A] from obs [B,N,S]."""
        glance = self.glance(picture.flatten(0, 1)).unflatten(0, picture.shape[:2])
        features = self.encounter(glance, self.norm.inputs(obs, action), self.planar.directions(obs, action))
        maps = self.head(*features)  # [B,N,3,n,n]
        edge = self.edge(picture.flatten(0, 1)).unflatten(0, picture.shape[:2])
        flow, moving = maps[:, :, :2] * self.planar.unit, (maps[:, :, 2:] + edge).sigmoid()
        at = self.lens.centres(self.lens.cells, flow)
        return Motion(flow, moving, rigid_fit(at, moving * flow, picture[:, :, 0]))

    def next_picture(self, picture: Tensor, motion: Motion, change: Tensor) -> Tensor:
        """The picture [B,N,5,n,n] after a motion, as seen from the object's frame after a pose change [B,N,3].

        The moving part is sampled where it came from, to first order: at q it is what was at q - r(q) and moved by r.
        """
        at, size = self.lens.centres(self.lens.cells, picture), self.lens.size
        came_from = at - seen_after(at, motion.flow, change)
        stood_at = at + rigid_motion(at, change)
        moved, stayed = motion.moving * picture, (1 - motion.moving) * picture
        parts = [sample(p.flatten(0, 1), w.flatten(0, 1), size) for p, w in ((moved, came_from), (stayed, stood_at))]
        return (parts[0] + parts[1]).unflatten(0, moved.shape[:2])

    def _aux_loss(self, context: Context, picture: Tensor) -> Tensor:
        """[B], zero without transitions."""
        obs, action, next_obs, mask = newest(context, self.flow_rows)
        picture = picture.unsqueeze(1)
        motion = self.move(picture, obs, action)
        at, body = self.lens.centres(self.lens.cells, obs), picture[:, :, 0]
        true = self.planar.change(obs, next_obs)
        moved = motion.moving * motion.flow / self.planar.unit
        flow = flow_error(moved, rigid_motion(at, true) / self.planar.unit, body)
        flow = (flow + flow_error(moved, torch.zeros_like(moved), 1 - body)) / 2
        image = (self.next_picture(picture, motion, true) - picture).square().mean((2, 3, 4))
        each = self.flow_weight * flow + self.image_weight * image
        return mean_where(each, mask)


@dataclass(frozen=True)
class Imagined:
    """State of a rollout: pictures, and how they go on moving, where nobody has asked for the next ones yet."""

    obs: Tensor  # [B,N,S]
    picture: Tensor  # [B,1 or N,5,n,n] before `motion`
    motion: Motion | None = None


@final
class ForesightExpert(Expert):
    """Rolls a `Foresight` out on the pictures [B,5,n,n] of its systems."""

    def __init__(self, model: Foresight, picture: Tensor, aux_loss: Tensor | None) -> None:
        self.action_dim = model.spec.action_dim
        self.model = model
        self.picture = picture
        self.aux_loss = aux_loss

    def start(self, obs: Tensor) -> Imagined:
        return Imagined(obs, self.picture.unsqueeze(1))

    def step(self, state: Imagined, action: Tensor) -> Step:
        model, picture = self.model, state.picture
        if state.motion is not None:
            picture = model.next_picture(picture, state.motion, state.motion.change)
        motion = model.move(picture, state.obs, action)
        next_obs = model.planar.advance(state.obs, motion.change)
        return Step(Imagined(next_obs, picture, motion), next_obs)
