"""Physical features of each pixel, gathered push by push, and the motion of the pixels that follows from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional

from hyperdyn.errors import at_least
from hyperdyn.models.pixel_motion import AbstractPixelMotion
from hyperdyn.nn.vision.flow import flow_error
from hyperdyn.nn.vision.planar import mean_where, newest
from hyperdyn.nn.vision.recurrence import ConvGRU
from hyperdyn.nn.vision.rigid import rigid_fit, rigid_motion
from hyperdyn.nn.vision.topdown import TopDown
from hyperdyn.types import Context, Expert, StateSpec, Step


@final
class DensePhysNet(AbstractPixelMotion):
    """phi_i = GRU(e(picture, action_i, motion_i), phi_{i-1}),  phi_0 = look(picture)

    s' = s (+) fit(flow(picture, action, phi_K) on the object's pixels)

    After Xu et al., DensePhysNet: Learning dense physical object representations via multi-step dynamic interactions,
    RSS 2019 (arXiv 1906.03853): features of each pixel that a recurrent network gathers from what each interaction did,
    oldest first, and from which the motion of the pixels under a further one is predicted. Here pictures are seen from
    above in the object's own frame (`TopDown`), made once of the context's views, so that pixel and feature stay on
    their place of the object however it was pushed; and what a push did, motion_i, is not a further frame but the
    motion of the object's pixels, which its two poses tell since it is rigid. K = 0 leaves what the look alone gives.

    In training each expert asks for aux_loss = flow_weight * |flow - motion_i|^2 / sigma^2 on the object's pixels, of
    the newest `flow_rows` transitions of the context, each predicted from the features of those before it, phi_{i-1}.
    sigma: of a change of position.

    cells, size, table, radius, workspace: of the pictures, see `TopDown`.
    channels, hidden: of both networks, see `FlowSize`.
    features: of a pixel; there are cells/4 x cells/4 of those.
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
        features: int = 32,
        flow_rows: int = 4,
        flow_weight: float = 0.5,
        workspace: Sequence[float] = (-0.5, 0.5, -0.5, 0.5),
    ) -> None:
        lens = TopDown(cells, size, table, radius, tuple(workspace))
        super().__init__(spec, lens, channels, hidden)
        at_least(1, self, flow_rows=flow_rows, features=features)
        wide, deep = self.layers.channels
        self.prior = nn.Conv2d(wide, features, 4, 2, 1)
        self.read = self.meeting(observed=2)
        self.gather = nn.Linear(hidden, deep)
        self.fuse = ConvGRU(deep, features)
        self.encounter = self.meeting(given=features)
        self.head = self.flow_head(outputs=2)
        self.flow_rows = flow_rows
        self.flow_weight = flow_weight

    def adapt(self, context: Context) -> Expert:
        picture = self.lens.look(context.views, len(context.mask), self.prior.weight)
        glance = self.glance(picture)
        path = self.gathered(context, picture, glance)
        aux_loss = self._aux_loss(context, picture, glance, path[:, :-1]) if self.training else None
        return DensePhysExpert(self, picture, glance, path[:, -1], aux_loss)

    def gathered(self, context: Context, picture: Tensor, glance: Tensor) -> Tensor:
        """Features [B,K+1,F,n/4,n/4] before each transition, masked ones first, and after the last."""
        *pushes, mask = newest(context)
        path = [self.prior(glance)]
        for event, valid in zip(self.events(picture, glance, *pushes).unbind(1), mask.unbind(1), strict=True):
            path.append(torch.where(valid[:, None, None, None], self.fuse(event, path[-1]), path[-1]))
        return torch.stack(path, dim=1)

    def events(self, picture: Tensor, glance: Tensor, obs: Tensor, action: Tensor, next_obs: Tensor) -> Tensor:
        """What K transitions, obs [B,K,S] and the others alike, did to each pixel: [B,K,C',n/4,n/4]."""
        true = rigid_motion(self._at(self.lens.cells // 2, picture), self.planar.change(obs, next_obs))
        body = functional.avg_pool2d(picture[:, :1], 2).unsqueeze(1)
        x, direction = self.norm.inputs(obs, action), self.planar.directions(obs, action)
        local, whole = self.read(glance.unsqueeze(1), x, direction, observed=body * true / self.planar.unit)
        return local + self.gather(whole)[..., None, None]

    def motion(self, glance: Tensor, features: Tensor, obs: Tensor, action: Tensor) -> Tensor:
        """How pixels move [B,N,2,n,n] [m] under actions [B,N,A], given glance and features [B,1 or N,.,.,.]."""
        x, direction = self.norm.inputs(obs, action), self.planar.directions(obs, action)
        return self.head(*self.encounter(glance, x, direction, given=features)) * self.planar.unit

    def fitted(self, motion: Tensor, picture: Tensor) -> Tensor:
        """Pose change [B,N,3] of objects that fill the pictures [B,5,n,n] and move so."""
        return rigid_fit(self._at(self.lens.cells, motion), motion, picture[:, None, 0])

    def _aux_loss(self, context: Context, picture: Tensor, glance: Tensor, before: Tensor) -> Tensor:
        """[B], zero without transitions."""
        obs, action, next_obs, mask = newest(context, self.flow_rows)
        motion = self.motion(glance.unsqueeze(1), before[:, -self.flow_rows :], obs, action)
        true = rigid_motion(self._at(self.lens.cells, motion), self.planar.change(obs, next_obs))
        error = flow_error(motion / self.planar.unit, true / self.planar.unit, picture[:, None, 0])
        return self.flow_weight * mean_where(error, mask)

    def _at(self, cells: int, like: Tensor) -> Tensor:
        return self.lens.centres(cells, like)


@final
class DensePhysExpert(Expert):
    """Steps a `DensePhysNet` with the features of its systems. They stay on the object: its state is s alone.

    code: [B,F] the mean feature, for a figure of what was gathered.
    """

    def __init__(
        self, model: DensePhysNet, picture: Tensor, glance: Tensor, features: Tensor, aux_loss: Tensor | None
    ) -> None:
        self.action_dim = model.spec.action_dim
        self.model = model
        self.picture = picture
        self.glance = glance
        self.features = features
        self.code = features.mean((2, 3))
        self.aux_loss = aux_loss

    def start(self, obs: Tensor) -> Tensor:
        return obs

    def step(self, state: Tensor, action: Tensor) -> Step:
        model = self.model
        motion = model.motion(self.glance.unsqueeze(1), self.features.unsqueeze(1), state, action)
        next_obs = model.planar.advance(state, model.fitted(motion, self.picture))
        return Step(next_obs, next_obs)
