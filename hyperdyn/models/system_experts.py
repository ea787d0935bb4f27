"""The ceiling of prediction: a network of its own for each system, trained on that very system."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from hyperdyn.errors import ConfigError
from hyperdyn.models.base import AbstractDynamics, ChangeExpert
from hyperdyn.nn.mlp import GeneratedMLP, MLPSpec
from hyperdyn.types import Context, Expert, StateSpec


class SystemExperts(AbstractDynamics):
    """s' = s + mu_y + sigma_y f_{theta_j}(x) with one theta_j for each of n systems, told apart by their true factors.

    Nothing is shared between systems but the normaliser. In training, systems get a theta as they are met; a trained
    model knows those and no other.

    systems: n.
    hidden: hidden layer sizes of f.

    Raises:
        ConfigError: `systems` is below one.
    """

    privileged: ClassVar[bool] = True

    def __init__(
        self,
        spec: StateSpec,
        factor_dim: int,
        systems: int,
        hidden: Sequence[int] = (128, 128),
        activation: str = "silu",
    ) -> None:
        super().__init__(spec)
        if systems < 1:
            raise ConfigError("system_experts: systems", got=systems, expected="1 or more")
        self.expert_spec = MLPSpec((spec.input_dim, *hidden, spec.obs_dim), activation)
        self.theta = nn.Parameter(torch.stack([self.expert_spec.init() for _ in range(systems)]))  # [n,P]
        self.factors: Tensor
        self.register_buffer("factors", torch.full((systems, factor_dim), torch.nan))  # NaN: not met yet

    @property
    def executed_sizes(self) -> tuple[int, ...]:
        return self.expert_spec.sizes

    def adapt(self, context: Context) -> Expert:
        """The experts of these systems.

        Raises:
            ConfigError: the context does not tell the factors, or there is no expert for them.
        """
        if context.factors is None:
            raise ConfigError("system_experts are told apart by the true factors, and this context has none")
        theta = self.theta[self._index(context.factors.to(self.factors.dtype))]
        return ChangeExpert(self.norm, GeneratedMLP(self.expert_spec, theta), theta=theta)

    @torch.no_grad()
    def _index(self, factors: Tensor) -> Tensor:
        """Which of the n systems each row of factors [B,F] is, [B]."""
        same = (factors[:, None] == self.factors).all(-1)  # [B,n]
        if not same.any(1).all():
            if not self.training:
                raise ConfigError(
                    "there is no expert for a system that was not trained on",
                    got=factors[~same.any(1)][0].tolist(),
                    fix="evaluate on the shards that it was trained on, other episodes of them",
                )
            self._meet(factors[~same.any(1)].unique(dim=0))
            same = (factors[:, None] == self.factors).all(-1)
        return same.int().argmax(1)

    def _meet(self, new: Tensor) -> None:
        free = self.factors.isnan().any(1).nonzero().flatten()
        if len(new) > len(free):
            n = len(self.factors)
            raise ConfigError("more systems than experts", got=f"more than {n}", fix="raise model.systems")
        self.factors[free[: len(new)]] = new
