"""The ceiling of prediction: a network of its own for each system, trained on that very system."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from hyperdyn.errors import ConfigError
from hyperdyn.models.base import AbstractDynamics, ChangeExpert
from hyperdyn.models.known_systems import index_of, no_systems
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
        self.expert_spec = MLPSpec((spec.input_dim, *hidden, spec.change_dim), activation)
        self.theta = nn.Parameter(torch.stack([self.expert_spec.init() for _ in range(systems)]))  # [n,P]
        self.factors: Tensor
        self.register_buffer("factors", no_systems(systems, factor_dim))

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
        theta = self.theta[index_of(context.factors, self.factors, meet=self.training)]
        return ChangeExpert(self.norm, GeneratedMLP(self.expert_spec, theta), theta=theta)
