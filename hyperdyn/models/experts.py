"""An expert for each training system; the one that explains the context best speaks for a new system."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from hyperdyn.errors import ConfigError
from hyperdyn.models.base import AbstractDynamics, ChangeExpert
from hyperdyn.models.known_systems import index_of, met, no_systems
from hyperdyn.nn.encoders.base import clean
from hyperdyn.nn.mlp import GeneratedMLP, MLPSpec
from hyperdyn.types import Context, Expert, StateSpec

ROWS_AT_ONCE = 2**15
"""Rows times experts that are predicted in one call: 16 MB for each layer of 128."""

MEMORY = 0.99
"""Share of the running error over all systems that outlives a training step."""


class Experts(AbstractDynamics):
    """s' = s + mu_y + sigma_y f_{theta_j}(x)   with   j = argmin_i mean_k |f_{theta_i}(x_k) - y_k|^2  over the context.

    The Expert-Ens of Xian et al., HyperDynamics, ICLR 2021. In training each system is told apart by its true factors
    and trains a theta of its own, given out as systems are met; nothing is shared but the normaliser. Training is split
    over them: keep to a hundred systems or fewer. Afterwards no factors are needed. Where nothing is known, K = 0, the
    expert that was best on average over the systems of training speaks: each training step judges all experts by one
    known transition of each of its systems, and a running mean keeps what came of it.

    systems: n, how many experts there is room for.
    hidden: hidden layer sizes of f.

    Raises:
        ConfigError: `systems` is below one.
    """

    told_in_training: ClassVar[bool] = True

    def __init__(
        self,
        spec: StateSpec,
        factor_dim: int,
        systems: int = 100,
        hidden: Sequence[int] = (128, 128),
        activation: str = "silu",
    ) -> None:
        super().__init__(spec)
        if systems < 1:
            raise ConfigError("experts: systems", got=systems, expected="1 or more")
        self.expert_spec = MLPSpec((spec.input_dim, *hidden, spec.change_dim), activation)
        self.theta = nn.Parameter(torch.stack([self.expert_spec.init() for _ in range(systems)]))  # [n,P]
        self.factors: Tensor
        self.average_error: Tensor
        self.register_buffer("factors", no_systems(systems, factor_dim))
        self.register_buffer("average_error", torch.zeros(systems))

    @property
    def executed_sizes(self) -> tuple[int, ...]:
        return self.expert_spec.sizes

    def adapt(self, context: Context) -> Expert:
        """As every model.

        Raises:
            ConfigError: in training, if the context does not tell the factors or there are more systems than experts.
        """
        x, y, mask = clean(*self.norm.pairs(context.history), context.mask)
        index = self._own(context, x, y, mask) if self.training else self.choose(x, y, mask)
        theta = self.theta[index]
        return ChangeExpert(self.norm, GeneratedMLP(self.expert_spec, theta), theta=theta)

    @torch.no_grad()
    def choose(self, x: Tensor, y: Tensor, mask: Tensor) -> Tensor:
        """The expert [B] with the least error on the rows x [B,K,X], y [B,K,Y] where the mask [B,K] is True."""
        error = (self.errors(x, y) * mask.unsqueeze(-1)).sum(1)  # [B,n]
        error = torch.where(mask.any(1, keepdim=True), error, self.average_error)
        candidates = met(self.factors)
        if candidates.any():  # before training they are all alike
            error = error.masked_fill(~candidates, torch.inf)
        return error.argmin(1)

    def errors(self, x: Tensor, y: Tensor) -> Tensor:
        """Mean squared error [B,K,n] of every expert on every row."""
        n, (B, K, _) = len(self.theta), x.shape
        net, most = GeneratedMLP(self.expert_spec, self.theta), max(1, ROWS_AT_ONCE // n)
        parts = [
            (net(rows.expand(n, -1, -1)) - true).square().mean(-1).T
            for rows, true in zip(x.flatten(0, 1).split(most), y.flatten(0, 1).split(most), strict=True)
        ]
        return torch.cat(parts).view(B, K, n)

    def _own(self, context: Context, x: Tensor, y: Tensor, mask: Tensor) -> Tensor:
        if context.factors is None:
            raise ConfigError(
                "in training, experts are told apart by the true factors, and this context has none",
                fix="fill Context.factors where `model.told_in_training`, or call model.eval() to have one chosen",
            )
        index = index_of(context.factors, self.factors, meet=True)
        self._judge(x, y, mask)
        return index

    @torch.no_grad()
    def _judge(self, x: Tensor, y: Tensor, mask: Tensor) -> None:
        """Fold the error of each expert on the first known row of each system into its running mean."""
        known, first = mask.any(1), mask.int().argmax(1)
        if known.any():
            rows = torch.arange(len(mask), device=mask.device)[known], first[known]
            error = self.errors(x[rows].unsqueeze(0), y[rows].unsqueeze(0)).mean((0, 1)).to(self.average_error.dtype)
            self.average_error.lerp_(error, 1 - MEMORY)
