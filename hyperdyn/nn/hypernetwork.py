"""From a code to all the weights of a network."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from hyperdyn.errors import ConfigError, nearest
from hyperdyn.nn.mlp import MLPSpec


class Hypernetwork(nn.Module):
    """theta = theta0 + scale * head(tanh(code)): the weights of one network for each code.

    theta0 [P] starts as a plain network does, and is what a code of zeros gives; scale [P] is 1/sqrt(fan_in) for
    weights and 0.1 for biases, so that the head's outputs are of order one. After Xian et al. 2021, section 3.2, where
    there is no theta0 and no tanh. The code of a system unlike any in training may be as large as it likes; with tanh
    its weights still lie among those that training could have asked for.

    head:
        full: one linear map from the code [C] to theta [P].
        per_layer: for each layer an embedding of its own [rank], then a linear map to its weights.
        low_rank: for each weight matrix two factors [out,rank] and [rank,in]; biases in full.

    Raises:
        ConfigError: an unknown head or a rank below one.
    """

    def __init__(self, spec: MLPSpec, code_dim: int, head: str = "full", rank: int = 16) -> None:
        super().__init__()
        if head not in HEADS:
            raise ConfigError("unknown head of a hypernetwork", got=head, fix=nearest(head, HEADS))
        if rank < 1:
            raise ConfigError("the rank of a head is too small", got=rank, expected=">= 1")
        self.spec = spec
        self.theta0 = nn.Parameter(spec.init())
        self.scale: Tensor
        self.register_buffer("scale", spec.scale(), persistent=False)
        self.head = HEADS[head](spec, code_dim, rank)

    def forward(self, code: Tensor) -> Tensor:
        """code [B,C] to theta [B,P]."""
        return torch.addcmul(self.theta0, self.scale, self.head(code.tanh()))


class AbstractHead(nn.Module, ABC):
    """code [B,C] to a change of theta [B,P], in units of the weights' scale; a code of zeros changes nothing."""

    @abstractmethod
    def forward(self, code: Tensor) -> Tensor:
        """code [B,C] to [B,P]."""


class FullHead(AbstractHead):
    def __init__(self, spec: MLPSpec, code_dim: int, rank: int) -> None:
        super().__init__()
        self.linear = nn.Linear(code_dim, spec.n_params, bias=False)

    def forward(self, code: Tensor) -> Tensor:
        return self.linear(code)


class PerLayerHead(AbstractHead):
    def __init__(self, spec: MLPSpec, code_dim: int, rank: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.Linear(code_dim, rank, bias=False), nn.SiLU(), nn.Linear(rank, (la.fan_in + 1) * la.fan_out, False)
            )
            for la in spec.layers
        )

    def forward(self, code: Tensor) -> Tensor:
        return torch.cat([layer(code) for layer in self.layers], dim=-1)


class LowRankHead(AbstractHead):
    """dW = (U_0 + U(code)) V(code) / sqrt(rank), with U_0 drawn once: at the start a change is linear in the code."""

    def __init__(self, spec: MLPSpec, code_dim: int, rank: int) -> None:
        super().__init__()
        self.shapes = [(la.fan_in, la.fan_out) for la in spec.layers]
        self.rank = rank
        left = [nn.Linear(code_dim, o * rank) for _, o in self.shapes]
        for layer in left:
            nn.init.normal_(layer.bias)
        self.left = nn.ModuleList(left)
        self.right = nn.ModuleList(nn.Linear(code_dim, rank * i, bias=False) for i, _ in self.shapes)
        self.bias = nn.ModuleList(nn.Linear(code_dim, o, bias=False) for _, o in self.shapes)

    def forward(self, code: Tensor) -> Tensor:
        B, R = code.shape[0], self.rank
        parts = []
        for (i, o), left, right, bias in zip(self.shapes, self.left, self.right, self.bias, strict=True):
            weight = left(code).view(B, o, R) @ right(code).view(B, R, i)  # [B,out,in]
            parts += [weight.flatten(1) * R**-0.5, bias(code)]
        return torch.cat(parts, dim=-1)


HEADS: dict[str, type[FullHead] | type[PerLayerHead] | type[LowRankHead]] = {
    "full": FullHead,
    "per_layer": PerLayerHead,
    "low_rank": LowRankHead,
}
