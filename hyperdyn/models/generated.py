"""What methods share whose hypernetwork generates all weights of the network that is executed."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence

from torch import Tensor

from hyperdyn.models.base import AbstractDynamics, ChangeExpert
from hyperdyn.nn.hypernetwork import Hypernetwork
from hyperdyn.nn.mlp import GeneratedMLP, MLPSpec
from hyperdyn.types import StateSpec


class AbstractGenerated(AbstractDynamics, ABC):
    """theta = theta0 + scale * head(code),   s' = s + mu_y + sigma_y f_theta(x), whatever makes the code.

    hidden: hidden layer sizes of f, the network that is executed.
    hypernetwork: a code to theta; the method's own constructor makes it, since the size of its code is its own.
    """

    hypernetwork: Hypernetwork

    def __init__(self, spec: StateSpec, hidden: Sequence[int], activation: str) -> None:
        super().__init__(spec)
        self.expert_spec = MLPSpec((spec.input_dim, *hidden, spec.change_dim), activation)

    @property
    def executed_sizes(self) -> tuple[int, ...]:
        return self.expert_spec.sizes

    def generated(self, code: Tensor, aux_loss: Tensor | None = None) -> ChangeExpert:
        """The experts of codes [B,C]."""
        theta = self.hypernetwork(code)
        return ChangeExpert(self.norm, GeneratedMLP(self.expert_spec, theta), code=code, theta=theta, aux_loss=aux_loss)
