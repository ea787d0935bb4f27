"""HyperDynamics that sees: weights generated from what the system did and from what it looks like."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

import torch

from hyperdyn.models.generated import AbstractGenerated
from hyperdyn.nn.encoders.base import AbstractHistoryEncoder
from hyperdyn.nn.hypernetwork import Hypernetwork
from hyperdyn.nn.mlp import mlp
from hyperdyn.nn.vision.encoder import VoxelEncoder
from hyperdyn.types import Context, Expert, StateSpec


class HyperVision(AbstractGenerated):
    """theta = theta0 + scale * head([z, h(z)]),   z = [z_int, z_vis] = [encoder(history), vision(views)]

    Xian et al., HyperDynamics, ICLR 2021, section 3.1. K may be 0, an expert from one look, and there may be no views,
    for some systems or for all: an expert from interactions alone. Both at once is the prior. The head is linear: it is
    h, this package's, that lets what an interaction means depend on the shape that was seen.

    vision: () to a vision encoder. mix_dim: size of h and of its hidden layer. The others are those of `Hyper`.
    """

    looks: ClassVar[bool] = True

    def __init__(
        self,
        spec: StateSpec,
        encoder: Callable[[int, int], AbstractHistoryEncoder],
        vision: Callable[[], VoxelEncoder],
        hidden: Sequence[int] = (128, 128),
        activation: str = "silu",
        mix_dim: int = 64,
        head: str = "full",
        rank: int = 16,
    ) -> None:
        super().__init__(spec, hidden, activation)
        self.encoder = encoder(spec.input_dim, spec.change_dim)
        self.vision = vision()
        code_dim = self.encoder.code_dim + self.vision.code_dim
        self.mix = mlp((code_dim, mix_dim, mix_dim), activation)
        self.hypernetwork = Hypernetwork(self.expert_spec, code_dim + mix_dim, head, rank)

    def adapt(self, context: Context) -> Expert:
        felt = self.encoder(*self.norm.pairs(context.history), context.mask)
        sight = self.vision(context.views, len(context.mask))
        code = torch.cat([felt.code, sight.code], dim=-1)
        asked = [loss for loss in (felt.aux_loss, sight.aux_loss) if loss is not None]
        aux_loss = torch.stack(asked).sum(0) if asked else None
        return self.generated(torch.cat([code, self.mix(code)], dim=-1), aux_loss)
