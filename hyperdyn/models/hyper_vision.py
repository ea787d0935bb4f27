"""HyperDynamics that sees: weights generated from what the system did and from what it looks like."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

import torch

from hyperdyn.models.base import AbstractDynamics, ChangeExpert
from hyperdyn.nn.encoders.base import AbstractHistoryEncoder
from hyperdyn.nn.hypernetwork import Hypernetwork
from hyperdyn.nn.mlp import GeneratedMLP, MLPSpec
from hyperdyn.nn.vision.encoder import VoxelEncoder
from hyperdyn.types import Context, Expert, StateSpec


class HyperVision(AbstractDynamics):
    """theta = theta0 + scale * head([z_int, z_vis]),   z_int = encoder(history),   z_vis = vision(views)

    Xian et al., HyperDynamics, ICLR 2021, section 3.1. K may be 0, an expert from one look, and there may be no views,
    for some systems or for all: an expert from interactions alone. Both at once is the prior.

    vision: () to a vision encoder. The other arguments are those of `Hyper`.
    """

    looks: ClassVar[bool] = True

    def __init__(
        self,
        spec: StateSpec,
        encoder: Callable[[int, int], AbstractHistoryEncoder],
        vision: Callable[[], VoxelEncoder],
        hidden: Sequence[int] = (128, 128),
        activation: str = "silu",
        head: str = "full",
        rank: int = 16,
    ) -> None:
        super().__init__(spec)
        self.expert_spec = MLPSpec((spec.input_dim, *hidden, spec.change_dim), activation)
        self.encoder = encoder(spec.input_dim, spec.change_dim)
        self.vision = vision()
        code_dim = self.encoder.code_dim + self.vision.code_dim
        self.hypernetwork = Hypernetwork(self.expert_spec, code_dim, head, rank)

    @property
    def executed_sizes(self) -> tuple[int, ...]:
        return self.expert_spec.sizes

    def adapt(self, context: Context) -> Expert:
        felt = self.encoder(*self.norm.pairs(context.history), context.mask)
        sight = self.vision(context.views, len(context.mask))
        code = torch.cat([felt.code, sight.code], dim=-1)
        theta = self.hypernetwork(code)
        asked = [loss for loss in (felt.aux_loss, sight.aux_loss) if loss is not None]
        aux_loss = torch.stack(asked).sum(0) if asked else None
        return ChangeExpert(self.norm, GeneratedMLP(self.expert_spec, theta), code=code, theta=theta, aux_loss=aux_loss)
